package space_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"waverider/auth"
)

// public is what everybody may ask.
var public = regexp.MustCompile(`^(/api/v1/link|/healthz|/api/v1(/(space|cpm)/here/api/v1)?/(version|openapi\.json))$`)

func TestEveryRouteHasARule(t *testing.T) {
	s := newSite(t)
	viewer, operator := s.token(auth.RoleViewer), s.token(auth.RoleOperator)
	routes := s.mux.Routes()
	if len(routes) < 50 {
		t.Fatal(routes)
	}
	for _, r := range routes {
		path := strings.ReplaceAll(r.Pattern, "{space}", "here")
		path = regexp.MustCompile(`\{\w+(\.\.\.)?\}`).ReplaceAllString(path, "none")
		status := func(token string) int {
			resp := s.do(r.Method, path, token, nil, "X-None", "")
			resp.Body.Close()
			return resp.StatusCode
		}
		if got := status(""); (got == http.StatusUnauthorized) == public.MatchString(path) {
			t.Errorf("%s %s (%s) without a token: %d", r.Method, path, r.Rule, got)
		}
		if got := status("x"); (got == http.StatusUnauthorized) == public.MatchString(path) {
			t.Errorf("%s %s (%s) with a bad token: %d", r.Method, path, r.Rule, got)
		}
		if r.Rule == auth.Public != public.MatchString(path) {
			t.Errorf("%s %s is %s", r.Method, path, r.Rule)
		}
		if r.Rule == auth.Run || r.Rule == auth.Admin {
			if got := status(viewer); got != http.StatusForbidden {
				t.Errorf("%s %s (%s) as viewer: %d", r.Method, path, r.Rule, got)
			}
		}
		if r.Rule == auth.Admin {
			if got := status(operator); got != http.StatusForbidden {
				t.Errorf("%s %s (%s) as operator: %d", r.Method, path, r.Rule, got)
			}
		}
		// What changes something is for more than those who look, but on a Hub,
		// which decides by itself.
		if r.Method != "GET" && r.Rule < auth.Run && !strings.Contains(r.Pattern, "/sth/{hub}/api/v1/") {
			t.Errorf("%s %s is %s", r.Method, path, r.Rule)
		}
	}
}

func TestAnotherSpaceIsNotHere(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusNotFound, "GET", "/api/v1/space/other/api/v1/list", s.admin, "", nil)
	s.want(http.StatusNotFound, "GET", "/api/v1/space/"+s.key.ID()[:3]+"/api/v1/list", s.admin, "", nil)
	s.want(http.StatusOK, "GET", "/api/v1/space/"+s.key.ID()[:6]+"/api/v1/list", s.admin, "", nil)
}
