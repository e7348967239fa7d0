package space_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/auth"
	"waverider/bus"
	"waverider/internal/testbin"
	"waverider/lastlines"
	"waverider/link"
	"waverider/records"
	"waverider/selfcert"
	"waverider/space"
	"waverider/topic"
	"waverider/wire"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		testbin.Remove()
		os.Exit(code)
	}))
}

// site is a Space in this process, with TLS and everything on disk.
type site struct {
	t      testing.TB
	dir    string
	key    *auth.Key
	cert   tls.Certificate
	addr   string // stays over restarts
	mux    *wire.Mux
	client *http.Client
	admin  string
	log    *lastlines.Ring

	name    string         // of the Space; "": here
	records *records.Store // of the Space that runs
	stop    func()
}

func newSite(t testing.TB) *site {
	t.Helper()
	return newSiteNamed(t, "")
}

func newSiteNamed(t testing.TB, name string) *site {
	t.Helper()
	s := &site{t: t, name: name, dir: t.TempDir(), addr: "127.0.0.1:0", log: lastlines.New(0)}
	var err error
	if s.key, err = auth.OpenKey(filepath.Join(s.dir, "identity.key")); err != nil {
		t.Fatal(err)
	}
	if s.cert, err = selfcert.Open(filepath.Join(s.dir, "tls"), []string{"127.0.0.1"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.cert.Leaf)
	s.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableCompression: true}}
	s.admin = s.token(auth.RoleAdmin)
	s.start()
	t.Cleanup(func() {
		s.client.CloseIdleConnections()
		s.stop()
	})
	return s
}

// token is one of a person.
func (s *site) token(role auth.Role) string {
	s.t.Helper()
	text, err := s.key.Mint(auth.Claims{Subject: "a " + string(role), Role: role})
	if err != nil {
		s.t.Fatal(err)
	}
	return text
}

func (s *site) start() {
	s.t.Helper()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	must(os.MkdirAll(filepath.Join(s.dir, "topics"), 0o700))
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(s.log.Handler(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}), "Space"))
	engine, err := bus.Open(ctx, bus.Config{Dir: filepath.Join(s.dir, "streams"), Hub: s.key.ID(), MaxStore: 1 << 30, Log: log})
	must(err)
	store, err := records.Open(ctx, engine, log)
	must(err)
	s.records = store
	topics, err := topic.Open(ctx, topic.Config{Dir: filepath.Join(s.dir, "topics"), Bus: engine, Hub: s.key.ID(), MaxStore: 1 << 30, Log: log})
	must(err)
	core, err := space.Open(ctx, space.Config{Key: s.key, Name: cmp.Or(s.name, "here"), Build: "1", Records: store, Topics: topics, DataDir: s.dir,
		TLSPin: link.Pin(s.cert.Leaf), Pinned: true, Log: log, Lines: s.log})
	must(err)
	s.mux = wire.NewMux(log)
	core.Routes(s.mux)
	l, err := wire.Listen(ctx, s.addr)
	must(err)
	s.addr = l.Addr().String()
	server := &wire.Server{Log: log, TLS: &tls.Config{Certificates: []tls.Certificate{s.cert}}, Grace: time.Second,
		Handler: s.mux.Serve(wire.Access{Gate: &auth.Gate{Key: s.key}, Guard: &wire.Guard{Listen: l.Addr(), AnyHost: true}})}
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = core.Run(ctx) })
	tasks.Go(func() { _ = server.Run(ctx, l) })
	s.stop = func() {
		cancel()
		tasks.Wait()
		store.Close()
		if err := errors.Join(topics.Close(), engine.Close()); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *site) url(path string) string { return "https://" + s.addr + path }

// do sends a request; the caller closes the body.
func (s *site) do(method, path, token string, body io.Reader, header ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url(path), body)
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if body != nil && len(header) == 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

// want calls and reads the answer, into out when that is not nil.
func (s *site) want(status int, method, path, token, body string, out any) string {
	s.t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	resp := s.do(method, path, token, in)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if resp.StatusCode != status {
		s.t.Fatalf("%s %s: %s %s, want %d", method, path, resp.Status, text, status)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			s.t.Fatal(err)
		}
	}
	return string(text)
}

// joinToken makes one; request is JSON, "" for {}.
func (s *site) joinToken(request string) link.JoinToken {
	s.t.Helper()
	if request == "" {
		request = "{}"
	}
	var made struct{ Token string }
	s.want(http.StatusCreated, "POST", "/api/v1/tokens", s.admin, request, &made)
	token, err := link.ParseJoinToken(made.Token)
	if err != nil {
		s.t.Fatal(err)
	}
	return token
}

// view is what is listed of a Hub.
type view struct {
	ID, Name, State, Build, DisconnectReason, Address string
	Labels                                            map[string]string
	Domain                                            string
	Clone                                             *struct{ Remote string }
	Reads                                             []string
	Load                                              map[string]any
}

func (s *site) hub(ref string) (v view) {
	s.t.Helper()
	s.want(http.StatusOK, "GET", "/api/v1/sth/"+ref, s.admin, "", &v)
	return v
}

// disk is what a Hub keeps.
type disk struct {
	key    *auth.Key
	ticket string
	run    string // of the process that has it; "" is not told
}

func newDisk(t testing.TB) *disk {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &disk{key: key}
}

// dial asks to be let in. It keeps nothing.
func (s *site) dial(d *disk, join string) (*link.Session, error) {
	dialer := &link.Dialer{URL: s.url(""), Space: s.key.ID(), Key: d.key, Trust: link.Trust{Pin: link.Pin(s.cert.Leaf)},
		Proxy: func(*http.Request) (*url.URL, error) { return nil, nil }}
	return dialer.Dial(s.t.Context(), func(string) link.Hello {
		return link.Hello{Name: "edge", Build: "1", Join: join, Ticket: d.ticket, Run: d.run}
	})
}

// here is a Hub that is linked.
type here struct {
	*link.Session
	settings chan link.Settings
	notices  chan link.Notice
	done     chan struct{}
	err      error // after done
}

// run serves a session with an API.
func (s *site) run(l *link.Session, d *disk, api http.Handler) *here {
	h := &here{Session: l, settings: make(chan link.Settings, 64), notices: make(chan link.Notice, 64), done: make(chan struct{})}
	var tasks sync.WaitGroup
	if api == nil {
		api = http.NotFoundHandler()
	}
	server := &wire.Server{Log: slog.New(slog.DiscardHandler), Grace: 100 * time.Millisecond, Handler: api}
	tasks.Go(func() { _ = server.Run(l.Context(), l.HTTP()) })
	go func() {
		defer close(h.done)
		h.err = l.Run(context.Background(), link.Handlers{Message: func(m link.Message) error {
			switch m.Type {
			case link.MessageSettings:
				var v link.Settings
				if err := m.Decode(&v); err != nil {
					return err
				}
				h.settings <- v
			case link.MessageNotice, link.MessageEnd:
				var v link.Notice
				if err := m.Decode(&v); err != nil {
					return err
				}
				h.notices <- v
			}
			return nil
		}})
		tasks.Wait()
	}()
	s.t.Cleanup(func() { l.Close(nil); <-h.done })
	return h
}

// keep is what a Hub does before it confirms.
func (h *here) confirm(d *disk) error {
	d.ticket = h.Welcome.Ticket
	return h.Send(link.MessageConfirm, link.Confirm{Ticket: d.ticket})
}

// join makes a token and lets a new Hub join with it, as a good Hub does.
func (s *site) join(request string, api func(d *disk, l *link.Session) http.Handler) (*disk, *here) {
	s.t.Helper()
	d := newDisk(s.t)
	l, err := s.dial(d, s.joinToken(request).Answer())
	if err != nil {
		s.t.Fatal(err)
	}
	var handler http.Handler
	if api != nil {
		handler = api(d, l)
	}
	h := s.run(l, d, handler)
	if err := h.confirm(d); err != nil {
		s.t.Fatal(err)
	}
	s.heard(h, d)
	return d, h
}

// heard returns when the Space has taken all messages that were sent before.
func (s *site) heard(h *here, d *disk) {
	s.t.Helper()
	mark := rand.Text()
	if err := h.Send(link.MessageLoad, map[string]string{"mark": mark}); err != nil {
		s.t.Fatal(err)
	}
	s.until("it is heard", func() bool { return s.hub(d.key.ID()).Load["mark"] == mark })
}

// until waits for what comes sooner or later.
func (s *site) until(what string, is func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("waited in vain: %s", what)
		}
	}
}

func (h *here) ended(t testing.TB) {
	t.Helper()
	select {
	case <-h.done:
	case <-time.After(5 * time.Second):
		t.Fatal("the session goes on")
	}
}

func (s *site) audit() string {
	s.t.Helper()
	return s.want(http.StatusOK, "GET", "/api/v1/audit?follow=false", s.admin, "", nil)
}

// refusedAs tells how a Hub was refused.
func refusedAs(err error) waverider.Kind {
	var r *link.Refused
	if errors.As(err, &r) {
		return r.Kind
	}
	return waverider.Internal
}
