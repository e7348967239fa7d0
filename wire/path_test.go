package wire

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"waverider/auth"
)

// FuzzPathsAreFoundOrUnknown holds what Serve relies on: a path that was found
// is the one that was asked for but for case and a slash at its end, and the
// standard mux takes it as it is: it redirects nothing.
func FuzzPathsAreFoundOrUnknown(f *testing.F) {
	for _, p := range []string{"/api/v1/sequences", "/API/v1/Sequence/AbC/Start/", "//", "/api/v1/instance/%2e%2e/event/x",
		"/api/v1/cpm/a//b/", "/files/../x", "/api/v1/instance/a%2Fb/event/%00", "*", "/api/v1/sequence/ſ"} {
		f.Add(p)
	}
	m := NewMux(nil)
	for _, p := range []string{"/{$}", "/files/", "/api/v1/sequences", "/api/v1/sequence/{id}", "/api/v1/sequence/{id}/start",
		"/api/v1/instance/{id}/event/{name}", "/api/v1/cpm/{rest...}"} {
		m.Handle("GET "+p, auth.Public, func(w http.ResponseWriter, _ *http.Request) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		})
	}
	h := m.Serve(Access{Gate: &auth.Gate{Open: true}})
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || u.Scheme != "" || u.Path == "" {
			return
		}
		escaped := u.EscapedPath()
		canonical, ok := m.root.canonical(escaped)
		if ok && strings.TrimSuffix(canonical, "/") != strings.TrimSuffix(escaped, "/") && !strings.EqualFold(strings.Trim(canonical, "/"), strings.Trim(escaped, "/")) {
			t.Errorf("%q became %q", escaped, canonical)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, &http.Request{Method: "GET", URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Host: "x"})
		if want := map[bool]int{true: 204, false: 404}[ok]; rec.Code != want {
			t.Errorf("%q: status %d, found %v", path, rec.Code, ok)
		}
	})
}
