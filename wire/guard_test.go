package wire_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"waverider/auth"
	"waverider/wire"
)

func tcp(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 8000} }

func TestGuard(t *testing.T) {
	local := &wire.Guard{Listen: tcp("127.0.0.1")}
	open := &wire.Guard{Listen: tcp("0.0.0.0"), Hosts: []string{"hub.example.org"}, CORS: []string{"https://app.example.org"}}
	lan := &wire.Guard{Listen: tcp("192.168.1.5")}
	v6 := &wire.Guard{Listen: tcp("::")}
	any := &wire.Guard{Listen: tcp("127.0.0.1"), CORS: []string{"*"}}
	for _, c := range []struct {
		name    string
		guard   *wire.Guard
		host    string
		headers []string
		ok      bool
	}{
		{"loopback address", local, "127.0.0.1:8000", nil, true},
		{"another loopback address", local, "127.9.9.9:8000", nil, true},
		{"IPv6 loopback", local, "[::1]:8000", nil, true},
		{"mapped IPv6 loopback", local, "[::ffff:127.0.0.1]:8000", nil, true},
		{"localhost through a forwarded port", local, "localhost:9999", nil, true},
		{"LOCALHOST.", local, "LOCALHOST.:8000", nil, true},
		{"name under localhost", local, "hub.localhost", nil, true},
		{"no Host, as HTTP/1.0 may", local, "", nil, true},
		{"rebound name", local, "evil.example.com:8000", nil, false},
		{"rebound name on the standard port", local, "evil.example.com", nil, false},
		{"name that only starts like it", local, "localhost.evil.com:8000", nil, false},
		{"name that looks like an address", local, "127.0.0.1.evil.com", nil, false},
		{"address in another form", local, "0x7f.1:8000", nil, false},
		{"another address", local, "192.168.1.5:8000", nil, false},
		{"the LAN address listened on", lan, "192.168.1.5:8000", nil, true},
		{"another LAN address", lan, "192.168.1.6:8000", nil, false},
		{"any address where all are listened on", open, "192.168.1.6:8000", nil, true},
		{"any IPv6 address where all are listened on", v6, "[fd00::1]:8000", nil, true},
		{"rebound name where all are listened on", open, "evil.example.com:8000", nil, false},
		{"configured name", open, "HUB.example.org:443", nil, true},

		{"own page", local, "127.0.0.1:8000", []string{"Origin", "http://127.0.0.1:8000"}, true},
		{"own page behind a TLS proxy", open, "hub.example.org", []string{"Origin", "https://hub.example.org"}, true},
		{"own page on a standard port", open, "hub.example.org:443", []string{"Origin", "https://hub.example.org"}, true},
		{"page of another port", local, "127.0.0.1:8000", []string{"Origin", "http://127.0.0.1:3000"}, false},
		{"foreign page", local, "127.0.0.1:8000", []string{"Origin", "https://evil.example.com"}, false},
		{"rebound name with its own origin", local, "evil.example.com:8000", []string{"Origin", "http://evil.example.com:8000"}, false},
		{"sandboxed page", local, "127.0.0.1:8000", []string{"Origin", "null"}, false},
		{"extension", local, "127.0.0.1:8000", []string{"Origin", "chrome-extension://127.0.0.1:8000"}, false},
		{"allowed page", open, "hub.example.org", []string{"Origin", "https://app.example.org"}, true},
		{"allowed page, cross-site", open, "hub.example.org", []string{"Origin", "https://app.example.org", "Sec-Fetch-Site", "cross-site"}, true},
		{"page like the allowed one", open, "hub.example.org", []string{"Origin", "https://app.example.org.evil.com"}, false},
		{"allowed page by plain HTTP", open, "hub.example.org", []string{"Origin", "http://app.example.org"}, false},
		{"any page", any, "127.0.0.1:8000", []string{"Origin", "https://evil.example.com"}, true},
		{"any page by a rebound name", any, "evil.example.com", []string{"Origin", "http://evil.example.com"}, false},

		{"image on a foreign page", local, "127.0.0.1:8000", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, false},
		{"image on a page of another port", local, "127.0.0.1:8000", []string{"Sec-Fetch-Site", "same-site"}, false},
		{"link into the API", local, "127.0.0.1:8000", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, false},
		{"own fetch", local, "127.0.0.1:8000", []string{"Sec-Fetch-Site", "same-origin"}, true},
		{"typed by the user", local, "127.0.0.1:8000", []string{"Sec-Fetch-Site", "none"}, true},
	} {
		called := false
		rec := guarded(c.guard, "GET", "/api/v1/sequences", c.host, c.headers, &called)
		if called != c.ok {
			t.Errorf("%s: called %v, status %d %s", c.name, called, rec.Code, rec.Body)
		}
		if !c.ok && rec.Code != http.StatusForbidden {
			t.Errorf("%s: status %d", c.name, rec.Code)
		}
		if c.guard.CORS == nil && rec.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: a CORS header without --cors", c.name)
		}
	}
}

func TestGuardLetsLinksIntoTheDashboard(t *testing.T) {
	g := &wire.Guard{Listen: tcp("127.0.0.1")}
	visit := []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}
	for _, c := range []struct {
		method, dest string
		ok           bool
	}{{"GET", "document", true}, {"POST", "document", false}, {"GET", "iframe", false}} {
		called := false
		headers := append(visit[:5:5], c.dest)
		guarded(g, c.method, "/", "127.0.0.1:8000", headers, &called)
		if called != c.ok {
			t.Errorf("%s for %s: called %v", c.method, c.dest, called)
		}
	}
}

func TestGuardAdvisesOnlyWhatWorks(t *testing.T) {
	for origin, advice := range map[string]bool{"https://app.example.org": true, "null": false, "file://": false} {
		called := false
		rec := guarded(&wire.Guard{Listen: tcp("127.0.0.1")}, "GET", "/", "127.0.0.1", []string{"Origin", origin}, &called)
		if rec.Code != http.StatusForbidden || strings.Contains(rec.Body.String(), "--cors") != advice {
			t.Errorf("%s: %d %s", origin, rec.Code, rec.Body)
		}
	}
}

func TestGuardAnswersPreflightsOfAllowedPagesOnly(t *testing.T) {
	g := &wire.Guard{Listen: tcp("127.0.0.1"), CORS: []string{"https://app.example.org/"}}
	preflight := func(origin string) *httptest.ResponseRecorder {
		called := false
		rec := guarded(g, "OPTIONS", "/api/v1/sequence", "127.0.0.1:8000",
			[]string{"Origin", origin, "Access-Control-Request-Method", "PUT", "Access-Control-Request-Private-Network", "true"}, &called)
		if called {
			t.Errorf("the preflight of %s reached a handler", origin)
		}
		return rec
	}
	good := preflight("https://app.example.org")
	h := good.Header()
	if good.Code != 204 || h.Get("Access-Control-Allow-Origin") != "https://app.example.org" || h.Get("Vary") != "Origin" ||
		h.Get("Access-Control-Allow-Methods") == "" || h.Get("Access-Control-Allow-Private-Network") != "true" {
		t.Errorf("allowed: %d %v", good.Code, h)
	}
	// What a body's place in its stream is told by crosses too, both ways.
	for _, name := range []string{"Access-Control-Allow-Headers", "Access-Control-Expose-Headers"} {
		if !strings.Contains(h.Get(name), wire.OffsetHeader) {
			t.Errorf("%s: %q", name, h.Get(name))
		}
	}
	if name := "Access-Control-Expose-Headers"; !strings.Contains(h.Get(name), wire.CursorHeader) {
		t.Errorf("%s: %q", name, h.Get(name))
	}
	bad := preflight("https://evil.example.com")
	if bad.Code != 403 || bad.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("foreign: %d %v", bad.Code, bad.Header())
	}
}

// guarded sends one request through g to a route that takes every method.
func guarded(g *wire.Guard, method, path, host string, headers []string, called *bool) *httptest.ResponseRecorder {
	m := wire.NewMux(slog.New(slog.DiscardHandler))
	for _, pattern := range []string{"GET /api/v1/sequences", "POST /{$}", "GET /{$}"} {
		m.Handle(pattern, auth.Public, func(w http.ResponseWriter, _ *http.Request) error {
			*called = true
			_, err := io.WriteString(w, "ok")
			return err
		})
	}
	r := httptest.NewRequest(method, path, nil)
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	m.Serve(wire.Access{Gate: &auth.Gate{Open: true}, Guard: g}).ServeHTTP(rec, r)
	return rec
}
