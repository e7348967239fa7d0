package hub_test

import (
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"waverider/auth"
	"waverider/datadir"
	"waverider/hub"
	"waverider/wire"
)

func openData(dir string) (*datadir.Dir, error) { return hub.OpenDataDir(dir) }

// documented are the routes that docs/api.md describes: a heading with method
// and path, and the rule in the first line below it.
func documented(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)^### ([A-Z]+) (/\\S*)\n\nRule: (\\w+)\\.").FindAllStringSubmatch(string(text), -1)
	var list []string
	for _, m := range found {
		list = append(list, strings.Join(m[1:], " "))
	}
	slices.Sort(list)
	return list
}

func TestEveryRouteHasARuleAndIsDocumented(t *testing.T) {
	s := newSite(t)
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	s.hub.Routes(mux)
	var routes []string
	for _, r := range mux.Routes() {
		if r.Rule.String() == "none" {
			t.Errorf("%s %s has no rule", r.Method, r.Pattern)
		}
		routes = append(routes, r.Method+" "+r.Pattern+" "+r.Rule.String())
	}
	slices.Sort(routes)
	docs := documented(t)
	for _, r := range routes {
		if !slices.Contains(docs, r) {
			t.Errorf("docs/api.md does not describe %s", r)
		}
	}
	for _, r := range docs {
		if !slices.Contains(routes, r) {
			t.Errorf("docs/api.md describes %s, which is no route", r)
		}
	}
}

// What a role may not do it may do nowhere: no route is forgotten.
func TestRulesHoldOnEveryRoute(t *testing.T) {
	s := newSite(t)
	key, err := auth.OpenKey(s.dir + "/test.key")
	if err != nil {
		t.Fatal(err)
	}
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	s.hub.Routes(mux)
	serve := mux.Serve(wire.Access{Gate: &auth.Gate{Key: key}})
	token := func(role auth.Role) string {
		text, err := key.Mint(auth.Claims{Subject: "someone", Role: role})
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + text
	}
	viewer := token(auth.RoleViewer)
	for _, r := range mux.Routes() {
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.Pattern, "none")
		if got := status(t, serve, r.Method, path, ""); (got == http.StatusUnauthorized) != (r.Rule != auth.Public) {
			t.Errorf("%s %s (%s) without a token: %d", r.Method, path, r.Rule, got)
		}
		if r.Rule == auth.Run || r.Rule == auth.Admin {
			if got := status(t, serve, r.Method, path, viewer); got != http.StatusForbidden {
				t.Errorf("%s %s (%s) as viewer: %d", r.Method, path, r.Rule, got)
			}
		}
	}
}

func status(t *testing.T, h http.Handler, method, path, authorization string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := &recorder{header: http.Header{}, status: http.StatusOK}
	h.ServeHTTP(w, r)
	return w.status
}

// recorder keeps the status of an answer.
type recorder struct {
	header http.Header
	status int
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) Write(p []byte) (int, error) { return len(p), nil }
func (w *recorder) WriteHeader(status int)      { w.status = status }
