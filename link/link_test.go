package link_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/auth"
	"waverider/link"
	"waverider/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// space is the accepting end over TLS, with a handler for what Hubs ask.
type space struct {
	t        testing.TB
	key      *auth.Key
	addr     string
	pin      string
	sessions chan *link.Session
	admit    func(link.Applicant) (link.Welcome, error)
	handlers link.Handlers
	handler  http.Handler
}

func certificate(t testing.TB, notAfter time.Time) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter, DNSNames: []string{"space.example"}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, link.Pin(leaf)
}

func newSpace(t testing.TB, h link.Handlers) *space {
	t.Helper()
	return newSpaceBehind(t, h, nil)
}

// newSpaceBehind has its connections wrapped.
func newSpaceBehind(t testing.TB, h link.Handlers, wrap func(net.Conn) net.Conn) *space {
	t.Helper()
	cert, pin := certificate(t, time.Now().Add(time.Hour))
	return newSpaceWith(t, h, wrap, cert, pin)
}

// newSpaceWith has a certificate of one's own.
func newSpaceWith(t testing.TB, h link.Handlers, wrap func(net.Conn) net.Conn, cert tls.Certificate, pin string) *space {
	t.Helper()
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	s := &space{t: t, key: key, sessions: make(chan *link.Session, 16), handlers: h,
		admit: func(link.Applicant) (link.Welcome, error) { return link.Welcome{Ticket: "1"}, nil }}
	s.pin = pin
	ctx, cancel := context.WithCancel(context.Background())
	log := slog.New(slog.DiscardHandler)
	acceptor := &link.Acceptor{Key: key, TLSPin: pin, Log: log,
		Admit: func(_ context.Context, a link.Applicant) (link.Welcome, error) { return s.admit(a) },
		Serve: func(ctx context.Context, ses *link.Session, _ link.Applicant) error {
			s.sessions <- ses
			return runWithHTTP(ctx, ses, s.handlers, s.handler)
		}}
	mux := wire.NewMux(log)
	mux.Handle("GET "+link.Path, auth.Public, func(w http.ResponseWriter, r *http.Request) error {
		return acceptor.ServeHTTP(w, r)
	})
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	server := &wire.Server{Log: log, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}, Grace: time.Second,
		Handler: mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}})}
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx, wrapper{l, wrap}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		acceptor.Wait()
	})
	return s
}

type wrapper struct {
	net.Listener
	wrap func(net.Conn) net.Conn // nil: as it is
}

func (w wrapper) Accept() (net.Conn, error) {
	c, err := w.Listener.Accept()
	if err == nil && w.wrap != nil {
		c = w.wrap(c)
	}
	return c, err
}

// runWithHTTP runs a session and serves its HTTP.
func runWithHTTP(ctx context.Context, s *link.Session, h link.Handlers, handler http.Handler) error {
	if handler == nil {
		handler = http.NotFoundHandler()
	}
	server := &http.Server{Handler: handler}
	var wg sync.WaitGroup
	wg.Go(func() { _ = server.Serve(s.HTTP()) })
	defer wg.Wait()
	defer server.Close()
	return s.Run(ctx, h)
}

func (s *space) dialer(t testing.TB) *link.Dialer {
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &link.Dialer{URL: "https://" + s.addr, Space: s.key.ID(), Key: key, Trust: link.Trust{Pin: s.pin}}
}

func hello(string) link.Hello { return link.Hello{Name: "edge"} }

// join dials and runs the Hub's end until the test ends.
func (s *space) join(t testing.TB, h link.Handlers, handler http.Handler) (hub, here *link.Session) {
	t.Helper()
	return s.joinAnd(t, func(ctx context.Context, hub *link.Session) error { return runWithHTTP(ctx, hub, h, handler) })
}

// joinAnd is join with a Hub's end of one's own.
func (s *space) joinAnd(t testing.TB, run func(context.Context, *link.Session) error) (hub, here *link.Session) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	hub, err := s.dialer(t).Dial(ctx, hello)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- run(ctx, hub) }()
	t.Cleanup(func() { cancel(); <-done })
	return hub, <-s.sessions
}

func client(s *link.Session) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return s.Open(ctx, link.KindHTTP) },
		ReadBufferSize:    64 << 10,
		WriteBufferSize:   64 << 10,
		DisableKeepAlives: false,
	}}
}

func TestHTTPGoesBothWays(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "space:", r.URL.Path) })
	hub, here := s.join(t, link.Handlers{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, "hub:", len(body))
	}))
	for range 3 {
		c := client(hub)
		get(t, c, "http://space/x", "space:/x")
		c.CloseIdleConnections()
		c = client(here)
		resp, err := c.Post("http://hub/y", "text/plain", bytes.NewReader(make([]byte, 3<<20)))
		if err != nil {
			t.Fatal(err)
		}
		got, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(got) != fmt.Sprint("hub:", 3<<20) {
			t.Fatalf("got %q", got)
		}
		c.CloseIdleConnections()
	}
}

func get(t testing.TB, c *http.Client, url, want string) {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, _ := io.ReadAll(resp.Body); string(got) != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

func TestMessagesGoBothWays(t *testing.T) {
	got := make(chan string, 10)
	handle := func(m link.Message) error { got <- m.Type; return nil }
	s := newSpace(t, link.Handlers{Message: handle})
	hub, here := s.join(t, link.Handlers{Message: handle}, nil)
	if err := hub.Send("up", 1); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m != "up" {
		t.Fatal(m)
	}
	if err := here.Send("down", map[string]int{"a": 1}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m != "down" {
		t.Fatal(m)
	}
}

func TestAnotherSpaceIsNotBelieved(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	d := s.dialer(t)
	other, _ := auth.NewKey()
	d.Space = other.ID()
	if _, err := d.Dial(t.Context(), hello); err == nil || waverider.KindOf(err) != waverider.Unauthorized {
		t.Fatalf("got %v", err)
	}
}

func TestACertificateThatIsNotPinnedIsRefused(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	d := s.dialer(t)
	d.Trust.Pin = "other"
	if _, err := d.Dial(t.Context(), hello); err == nil {
		t.Fatal("was taken")
	}
}

func TestARefusalSaysWhy(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	s.admit = func(a link.Applicant) (link.Welcome, error) {
		if !a.Direct || a.Hello.Name != "edge" {
			t.Errorf("applicant %+v", a)
		}
		return link.Welcome{}, waverider.Errorf(waverider.Conflict, "another has this identity")
	}
	_, err := s.dialer(t).Dial(t.Context(), hello)
	var r *link.Refused
	if !errors.As(err, &r) || r.Kind != waverider.Conflict || r.Message != "another has this identity" {
		t.Fatalf("got %v", err)
	}
}

func TestAPeerThatGoesIsNoticedAtOnce(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	hub, here := s.join(t, link.Handlers{}, nil)
	why := errors.New("enough")
	here.Close(why)
	<-hub.Done()
	if err := context.Cause(here.Context()); !errors.Is(err, why) {
		t.Fatal(err)
	}
}

func BenchmarkStreamThroughLink(b *testing.B) {
	s := newSpace(b, link.Handlers{})
	block := make([]byte, 64<<10)
	_, here := s.join(b, link.Handlers{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	c := client(here)
	resp, err := c.Get("http://hub/")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	buf := make([]byte, 64<<10)
	b.SetBytes(64 << 10)
	b.ResetTimer()
	for range b.N {
		if _, err := io.ReadFull(resp.Body, buf); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
}

func BenchmarkCallThroughLink(b *testing.B) {
	s := newSpace(b, link.Handlers{})
	_, here := s.join(b, link.Handlers{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
	c := client(here)
	for b.Loop() {
		get(b, c, "http://hub/", "ok")
	}
	c.CloseIdleConnections()
}
