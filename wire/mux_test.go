package wire_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

func routes(m *wire.Mux) {
	m.Handle("GET /api/v1/sequences", auth.Read, echo())
	m.Handle("GET /api/v1/sequence/{id}", auth.Read, echo("id"))
	m.Handle("POST /api/v1/sequence/{id}/start", auth.Run, echo("id"))
	m.Handle("GET /api/v1/instance/{id}/event/{name}", auth.Read, echo("id", "name"))
	m.Handle("POST /api/v1/instance/{id}/_stop", auth.Run, echo("id"))
	m.Handle("GET /api/v1/instance/{id}/stdout", auth.Read, echo("id"))
	m.Handle("GET /healthz", auth.Public, echo())
	m.Handle("GET /{$}", auth.Public, echo())
	m.Handle("GET /files/", auth.Public, echo())
	m.Handle("GET /api/v1/cpm/{rest...}", auth.Read, echo("rest"))
}

func TestMuxFindsRoutesAsScramjetDoes(t *testing.T) {
	s := serve(t, nil, routes)
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/api/v1/sequences", "GET /api/v1/sequences"},
		{"GET", "/api/v1/sequences/", "GET /api/v1/sequences"},
		{"GET", "/API/V1/Sequences", "GET /api/v1/sequences"},
		{"GET", "/api/v1/sequences?limit=1", "GET /api/v1/sequences"},
		{"GET", "/Api/v1/SEQUENCE/AbC", "GET /api/v1/sequence/{id} id=AbC"},
		{"GET", "/api/v1/sequence/AbC/", "GET /api/v1/sequence/{id} id=AbC"},
		{"POST", "/api/v1/sequence/Start/START/", "POST /api/v1/sequence/{id}/start id=Start"},
		{"GET", "/api/v1/instance/I/Event/MyEvent", "GET /api/v1/instance/{id}/event/{name} id=I name=MyEvent"},
		{"GET", "/api/v1/instance/STDOUT/stdOut", "GET /api/v1/instance/{id}/stdout id=STDOUT"},
		{"GET", "/API/v1/sequence/a%2Fb%20C", "GET /api/v1/sequence/{id} id=a/b C"},
		{"GET", "/api/v1/sequence/name@1.2.3", "GET /api/v1/sequence/{id} id=name@1.2.3"},
		{"GET", "/healthz", "GET /healthz"},
		{"GET", "/", "GET /{$}"},
		{"GET", "/files/a/b", "GET /files/"},
		{"GET", "/files/", "GET /files/"},
		{"GET", "/api/v1/CPM/Some/Path", "GET /api/v1/cpm/{rest...} rest=Some/Path"},
	} {
		resp, body := do(t, c.method, s.url+c.path, nil)
		if resp.StatusCode != 200 || body != c.want {
			t.Errorf("%s %s: %d %q, want %q", c.method, c.path, resp.StatusCode, body, c.want)
		}
	}
}

func TestMuxKnowsNothingElse(t *testing.T) {
	s := serve(t, nil, routes)
	for _, c := range []struct{ method, path string }{
		{"GET", "/api/v1/nope"}, {"GET", "/api/v1"}, {"GET", "/api/v1/"}, {"GET", "/api/v1//sequences"},
		{"DELETE", "/api/v1/sequences"}, {"GET", "/api/v1/sequence/x/start"}, {"OPTIONS", "/api/v1/sequences"},
		{"GET", "/api/v1/sequence/"}, {"GET", "/api/v1/sequences//"}, {"GET", "/HealthZ"},
		{"GET", "/api/v1/sequence/%2e%2e"}, {"GET", "/api/v1/sequence/x/../y"}, {"GET", "/api/v2/sequences"},
		{"BREW", "/api/v1/sequences"},
	} {
		resp, body := do(t, c.method, s.url+c.path, nil)
		var e struct{ Error, Kind string }
		if err := json.Unmarshal([]byte(body), &e); err != nil || resp.StatusCode != 404 || e.Kind != "not_found" || e.Error == "" {
			t.Errorf("%s %s: %d %q", c.method, c.path, resp.StatusCode, body)
		}
	}
}

func TestHeadIsAnsweredLikeGet(t *testing.T) {
	s := serve(t, nil, func(m *wire.Mux) {
		routes(m)
		m.Handle("GET /api/v1/log", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
			out, err := wire.StreamOut(w, r, "application/octet-stream")
			if err != nil {
				return err
			}
			_, err = out.Write([]byte("line"))
			return err
		})
	})
	for path, contentType := range map[string]string{
		"/api/v1/sequence/x": "text/plain; charset=utf-8",
		"/api/v1/log":        "application/octet-stream",
	} {
		resp, body := do(t, "HEAD", s.url+path, nil)
		if resp.StatusCode != 200 || body != "" || resp.Header.Get("Content-Type") != contentType {
			t.Errorf("HEAD %s: %d %q %q", path, resp.StatusCode, body, resp.Header)
		}
	}
	if _, body := do(t, "GET", s.url+"/api/v1/log", nil); body != "line" {
		t.Errorf("GET log: %q", body)
	}
}

func TestRoutesListsEveryRuleAndARouteNeedsOne(t *testing.T) {
	m := wire.NewMux(nil)
	routes(m)
	got := m.Routes()
	if want := (wire.Route{Method: "POST", Pattern: "/api/v1/sequence/{id}/start", Rule: auth.Run}); len(got) != 10 || got[2] != want {
		t.Errorf("Routes = %v", got)
	}
	for _, bad := range []struct {
		pattern string
		rule    auth.Rule
	}{{"GET /x", 0}, {"GET /x", 99}, {"/x", auth.Public}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q with rule %d was taken", bad.pattern, bad.rule)
				}
			}()
			m.Handle(bad.pattern, bad.rule, echo())
		}()
	}
}

func TestRulesAreEnforced(t *testing.T) {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	viewer, err := key.Mint(auth.Claims{Subject: "vi", Role: auth.RoleViewer})
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, &auth.Gate{Key: key}, func(m *wire.Mux) {
		routes(m)
		m.Handle("GET /who", auth.Public, func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, "I am "+wire.IdentityOf(r).Subject)
			return err
		})
	})
	for _, c := range []struct {
		method, path, token string
		status              int
	}{
		{"GET", "/healthz", "", 200},
		{"GET", "/healthz", "broken", 200},
		{"GET", "/api/v1/sequences", "", 401},
		{"GET", "/api/v1/sequences", "broken", 401},
		{"GET", "/api/v1/sequences", viewer, 200},
		{"POST", "/api/v1/sequence/x/start", viewer, 403},
		{"POST", "/API/V1/SEQUENCE/x/START/", "", 401},
	} {
		var headers []string
		if c.token != "" {
			headers = []string{"Authorization", "Bearer " + c.token}
		}
		resp, body := do(t, c.method, s.url+c.path, nil, headers...)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, resp.StatusCode, body, c.status)
		}
		if c.status == 401 && !strings.HasPrefix(resp.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s %s: no challenge", c.method, c.path)
		}
	}
	if _, body := do(t, "GET", s.url+"/who", nil, "Authorization", "Bearer "+viewer); body != "I am vi" {
		t.Errorf("identity: %q", body)
	}
	if log := s.log.String(); strings.Contains(log, viewer) || strings.Contains(log, "broken") {
		t.Errorf("a token is in the log:\n%s", log)
	}
}

func TestEveryKindHasItsStatus(t *testing.T) {
	seen := map[int]waverider.Kind{}
	for _, kind := range []waverider.Kind{
		waverider.Invalid, waverider.Unauthorized, waverider.Forbidden, waverider.NotFound, waverider.Conflict, waverider.Gone,
		waverider.TooLarge, waverider.Unsupported, waverider.NotAllowed, waverider.NotAcceptable, waverider.Unprocessable,
		waverider.Overloaded, waverider.Full, waverider.Timeout, waverider.Unavailable, waverider.Internal,
	} {
		status := wire.Status(kind)
		if before, twice := seen[status]; twice {
			t.Errorf("%s and %s are both %d", before, kind, status)
		}
		seen[status] = kind
		if e := wire.DecodeError(status, nil); e.Kind != kind || e.Message == "" {
			t.Errorf("%d came back as %s %q, was %s", status, e.Kind, e.Message, kind)
		}
	}
}

func TestErrorsCrossTheWire(t *testing.T) {
	cause := errors.New("password of the database: 1234")
	s := serve(t, nil, func(m *wire.Mux) {
		fail := func(path string, err error) {
			m.Handle("GET "+path, auth.Read, func(http.ResponseWriter, *http.Request) error { return err })
		}
		fail("/conflict", &waverider.Error{Kind: waverider.Conflict, Message: "two have that name", Err: cause,
			Detail: map[string]any{"candidates": []string{"a", "b"}}})
		fail("/overloaded", waverider.Errorf(waverider.Overloaded, "no room"))
		fail("/plain", cause)
		m.Handle("GET /panic", auth.Read, func(http.ResponseWriter, *http.Request) error { panic(cause) })
	})
	resp, body := do(t, "GET", s.url+"/conflict", nil)
	e := wire.DecodeError(resp.StatusCode, []byte(body))
	if resp.StatusCode != 409 || e.Kind != waverider.Conflict || e.Message != "two have that name" || len(e.Detail["candidates"].([]any)) != 2 {
		t.Errorf("conflict: %d %+v", resp.StatusCode, e)
	}
	if strings.Contains(body, "1234") {
		t.Errorf("the cause got out: %s", body)
	}
	if resp, _ := do(t, "GET", s.url+"/overloaded", nil); resp.StatusCode != 419 {
		t.Errorf("overloaded: %d", resp.StatusCode)
	}
	for _, path := range []string{"/plain", "/panic"} {
		resp, body := do(t, "GET", s.url+path, nil)
		e := wire.DecodeError(resp.StatusCode, []byte(body))
		id, _ := e.Detail["request"].(string)
		if resp.StatusCode != 500 || strings.Contains(body, "1234") || id == "" {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
		if log := s.log.String(); !strings.Contains(log, "1234") || !strings.Contains(log, id) {
			t.Errorf("%s: the log does not explain request %s:\n%s", path, id, log)
		}
	}
	if !strings.Contains(s.log.String(), "mux_test.go") {
		t.Error("the log of the panic has no stack")
	}
}

func TestDecodeErrorTakesWhatProxiesSend(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		kind   waverider.Kind
		text   string
	}{
		{502, "<html>bad gateway</html>", waverider.Unavailable, "bad gateway"},
		{404, "", waverider.NotFound, "not found"},
		{500, "415: Invalid content-type", waverider.Internal, "415: Invalid content-type"},
		{400, `{"error":"Invalid timeout format"}`, waverider.Invalid, "Invalid timeout format"},
		{418, `{"error":{"code":"X"}}`, waverider.Invalid, `{"error":{"code":"X"}}`},
		{409, `{"error":"x","kind":"no-such-kind"}`, waverider.Conflict, "x"},
	} {
		e := wire.DecodeError(c.status, []byte(c.body))
		if e.Kind != c.kind || e.Message != c.text {
			t.Errorf("%d %q: %s %q", c.status, c.body, e.Kind, e.Message)
		}
	}
}
