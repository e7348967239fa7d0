package wire

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"waverider/auth"
)

// Base is where the API lives.
const Base = "/api/v1"

// Handler answers one request. An error it returns becomes the answer; once
// the first byte of the body is out, it cuts the connection instead, so that
// the client sees that something is missing.
type Handler func(w http.ResponseWriter, r *http.Request) error

// Route is one registered pattern and who may use it.
type Route struct {
	Method, Pattern string
	Rule            auth.Rule
}

// Mux is the standard mux as Scramjet's clients need it: the fixed words of a
// path under Base match in any case (ids keep theirs), one trailing slash is
// ignored, and a wrong method is as unknown as a wrong path. Register
// everything before serving.
type Mux struct {
	// Unknown may say more of a path that is not there; nil, or a nil error: nothing.
	Unknown func(*http.Request) error

	log    *slog.Logger
	std    *http.ServeMux
	root   *node
	routes []Route
}

// NewMux makes an empty Mux. What goes wrong inside handlers is told to log;
// nil drops it.
func NewMux(log *slog.Logger) *Mux {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &Mux{log: log, std: http.NewServeMux(), root: &node{}}
	m.std.Handle("/", adapt(auth.Public, func(_ http.ResponseWriter, r *http.Request) error {
		return m.unknownPath(r)
	}))
	return m
}

// Handle registers a pattern of the standard mux, always with a method:
// "POST /api/v1/sequence/{id}/start". It panics when one is missing, or the
// rule: both are mistakes of the program.
func (m *Mux) Handle(pattern string, rule auth.Rule, h Handler) {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok || !strings.HasPrefix(path, "/") {
		panic(fmt.Sprintf("wire: pattern %q: want METHOD /path", pattern))
	}
	if rule < auth.Public || rule > auth.Admin {
		panic(fmt.Sprintf("wire: pattern %q has no rule", pattern))
	}
	m.std.Handle(pattern, adapt(rule, h))
	m.root.add(strings.Split(path[1:], "/"))
	m.routes = append(m.routes, Route{Method: method, Pattern: path, Rule: rule})
}

// Routes lists what is registered, in that order.
func (m *Mux) Routes() []Route { return append([]Route(nil), m.routes...) }

// Access says who comes in through one listener.
type Access struct {
	Gate  *auth.Gate
	Guard *Guard // nil on a Unix socket, which no web page reaches
}

// Serve is the Mux behind an access check.
func (m *Mux) Serve(a Access) http.Handler {
	return http.HandlerFunc(func(std http.ResponseWriter, r *http.Request) {
		moved := &Traffic{}
		w := &response{ResponseWriter: std, moved: moved}
		if r.TLS != nil {
			w.below, _ = ConnOf(r)
		}
		ctx := context.WithValue(r.Context(), gateKey{}, a.Gate)
		r = r.WithContext(context.WithValue(ctx, trafficKey{}, moved))
		body := track(r, moved)
		defer func() { m.recoverPanic(w, r, body, recover()) }()
		// Programs answer while they are still being fed. HTTP/2 can always.
		if r.ProtoMajor == 1 {
			_ = http.NewResponseController(std).EnableFullDuplex()
		}
		m.finish(w, r, body, m.route(w, r, a.Guard))
	})
}

// route finds who answers and answers what it returned.
func (m *Mux) route(w *response, r *http.Request, guard *Guard) error {
	if guard != nil {
		if done, err := guard.check(w, r); done || err != nil {
			return err
		}
	}
	r, err := m.canonical(r)
	if err != nil {
		return err
	}
	m.std.ServeHTTP(w, r)
	return w.err
}

// canonical is r with its path as it was registered. The standard mux never
// sees an odd path, so it never redirects.
func (m *Mux) canonical(r *http.Request) (*http.Request, error) {
	escaped := r.URL.EscapedPath()
	path, ok := m.root.canonical(escaped)
	if !ok {
		return r, m.unknownPath(r)
	}
	if path == escaped {
		return r, nil
	}
	plain, err := url.PathUnescape(path)
	if err != nil {
		return r, m.unknownPath(r)
	}
	r2 := *r
	u := *r.URL
	u.Path, u.RawPath = plain, path
	r2.URL = &u
	return &r2, nil
}
