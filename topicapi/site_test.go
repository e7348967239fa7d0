package topicapi_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"waverider/auth"
	"waverider/topic"
	"waverider/topicapi"
	"waverider/wire"
)

// site is a Store whose API answers over HTTP. It can be closed and opened
// again on the same folder.
type site struct {
	store *topic.Store
	t     *testing.T
	dir   string
	api   topicapi.API // without its Topics
	mux   *wire.Mux
	url   string
	stop  func() // ends the server and closes the Store

	mu      sync.Mutex
	changed *sync.Cond
	serving int // requests under way
}

// count keeps the number of requests that are being served.
func (s *site) count(next http.Handler) http.Handler {
	add := func(n int) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.serving += n
		s.changed.Broadcast()
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		add(1)
		defer add(-1)
		next.ServeHTTP(w, r)
	})
}

// quiet waits until the API serves no request.
func (s *site) quiet() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.serving > 0 {
		s.changed.Wait()
	}
}

// newSite opens a Store until the test ends.
func newSite(t *testing.T, change ...func(*topicapi.API)) *site {
	t.Helper()
	s := &site{t: t, dir: t.TempDir(), stop: func() {}}
	s.api.Origin = topicapi.Origin{ID: "hub-1", Type: "hub"}
	s.changed = sync.NewCond(&s.mu)
	for _, f := range change {
		f(&s.api)
	}
	t.Cleanup(func() { s.stop() })
	s.open()
	return s
}

func (s *site) open() {
	s.t.Helper()
	store, err := topic.Open(context.Background(), topic.Config{Dir: s.dir, Hub: "hub-1", MaxStore: 1 << 30, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.store = store
	api := s.api
	api.Topics = store
	s.serve(&api, store.Close)
}

// serve answers for an API until stop, which closes what is below it then.
func (s *site) serve(api *topicapi.API, closeStore func() error) {
	s.t.Helper()
	s.mux = wire.NewMux(slog.New(slog.DiscardHandler))
	api.Routes(s.mux, wire.Base)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		cancel()
		s.t.Fatal(err)
	}
	srv := &wire.Server{Handler: s.count(s.mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}})), Log: slog.New(slog.DiscardHandler)}
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx, l) }()
	s.url = "http://" + l.Addr().String() + "/api/v1"
	s.stop = sync.OnceFunc(func() {
		http.DefaultClient.CloseIdleConnections()
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("server: %v", err)
		}
		if err := closeStore(); err != nil {
			s.t.Errorf("close topics: %v", err)
		}
	})
}

// reopen is a Store that went and came back.
func (s *site) reopen() {
	s.t.Helper()
	s.stop()
	s.open()
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

// into reads the body as JSON.
func (a answer) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), v); err != nil {
		t.Fatalf("%d %q: %v", a.status, a.body, err)
	}
}

// field is one top field of a JSON body, as text.
func (a answer) field(t *testing.T, name string) string {
	t.Helper()
	var all map[string]json.RawMessage
	a.into(t, &all)
	var text string
	if json.Unmarshal(all[name], &text) == nil {
		return text
	}
	return string(all[name])
}

// open sends a request and leaves the body to the caller, who need not close it.
func (s *site) stream(method, path string, body io.Reader, headers ...string) *http.Response {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	s.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		_ = resp.Body.Close()
	})
	return resp
}

// call sends a request and reads the whole answer.
func (s *site) call(method, path, body string, headers ...string) answer {
	s.t.Helper()
	var r io.Reader
	if body != "" {
		r = strings.NewReader(body)
	}
	resp := s.stream(method, path, r, headers...)
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatalf("%s %s: %v after %q", method, path, err, text)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

// want is call with the status it must have.
func (s *site) want(status int, method, path, body string, headers ...string) answer {
	s.t.Helper()
	a := s.call(method, path, body, headers...)
	if a.status != status {
		s.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.body, status)
	}
	return a
}

func (s *site) get(path string) answer {
	s.t.Helper()
	return s.want(http.StatusOK, "GET", path, "")
}
