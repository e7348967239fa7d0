package link_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/link"
)

// way is a connection in between that a test opens and shuts.
type way struct {
	net.Listener
	to    string
	mu    sync.Mutex
	conns []net.Conn
	seen  int
	mute  bool // takes connections, and nothing comes through
	group sync.WaitGroup
}

func newWay(t testing.TB, to string) *way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &way{Listener: l, to: to}
	w.group.Go(w.run)
	t.Cleanup(func() { _ = l.Close(); w.cut(); w.group.Wait() })
	return w
}

func (w *way) run() {
	for {
		c, err := w.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		w.seen++
		w.conns = append(w.conns, c)
		mute := w.mute
		w.mu.Unlock()
		if mute {
			continue
		}
		far, err := net.Dial("tcp", w.to)
		if err != nil {
			_ = c.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, far)
		w.mu.Unlock()
		w.group.Go(func() { w.pass(c, far) })
		w.group.Go(func() { w.pass(far, c) })
	}
}

func (w *way) pass(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		mute := w.mute
		w.mu.Unlock()
		if !mute && n > 0 {
			_, _ = to.Write(buf[:n])
		}
		if err != nil {
			_ = to.Close()
			return
		}
	}
}

// set shuts the way without a word, or opens it for what comes.
func (w *way) set(mute bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = mute
}

// cut ends what goes over it; with a reset.
func (w *way) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
	w.conns = nil
}

// through is a dialer whose connections go over a way.
func (s *space) through(t testing.TB, w *way) *link.Dialer {
	d := s.dialer(t)
	d.URL = "https://" + w.Addr().String()
	d.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	return d
}

func TestASilentPeerIsGone(t *testing.T) {
	link.SetBeats(t, 20*time.Millisecond, 300*time.Millisecond)
	s := newSpace(t, link.Handlers{})
	w := newWay(t, s.addr)
	hub, err := s.through(t, w).Dial(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- hub.Run(t.Context(), link.Handlers{}) }()
	here := <-s.sessions
	for hub.RTT() == 0 || here.RTT() == 0 { // it lives
		time.Sleep(time.Millisecond)
	}
	w.set(true)
	first, second := <-done, ended(t, here) // whoever is first closes the connection
	if text := first.Error() + second.Error(); !strings.Contains(text, "nothing was heard") {
		t.Error(first, second)
	}
}

func TestAResetEndsBothSides(t *testing.T) {
	s := newSpace(t, link.Handlers{Topic: func(_ context.Context, c *link.Stream) { _, _ = io.Copy(io.Discard, c) }})
	w := newWay(t, s.addr)
	hub, err := s.through(t, w).Dial(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- hub.Run(t.Context(), link.Handlers{}) }()
	here := <-s.sessions
	c, err := hub.Open(t.Context(), link.KindTopic)
	if err != nil {
		t.Fatal(err)
	}
	wrote := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Write(make([]byte, 100<<10)); err != nil {
				wrote <- err
				return
			}
		}
	}()
	for in, _ := here.Traffic(); in < 1<<20; in, _ = here.Traffic() {
		time.Sleep(time.Millisecond)
	}
	w.cut()
	<-wrote
	<-done
	ended(t, here)
}

func TestAStreamThatNobodyReadsHoldsUpNoOther(t *testing.T) {
	block := make(chan struct{})
	defer close(block)
	s := newSpace(t, link.Handlers{Topic: func(ctx context.Context, c *link.Stream) {
		select {
		case <-block:
		case <-ctx.Done():
		}
	}})
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, _ := io.ReadAll(r.Body)
		_, _ = w.Write(all)
	})
	hub, _ := s.join(t, link.Handlers{}, nil)
	var stuck sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	for range 20 {
		c, err := hub.Open(ctx, link.KindTopic)
		if err != nil {
			t.Fatal(err)
		}
		stuck.Go(func() {
			for {
				if _, err := c.Write(make([]byte, 32<<10)); err != nil {
					return
				}
			}
		})
		defer c.Abort()
	}
	c := client(hub)
	for range 20 {
		resp, err := c.Post("http://space/", "x", strings.NewReader(strings.Repeat("y", 200<<10)))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != 200<<10 || err != nil {
			t.Fatal(n, err)
		}
		resp.Body.Close()
	}
	c.CloseIdleConnections()
	cancel()
	hub.Close(nil)
	stuck.Wait()
}

// The first way swallows what is sent; a later attempt gets through.
func TestAnotherAttemptGetsThroughWhereTheFirstIsStuck(t *testing.T) {
	link.SetAttempts(t, 30*time.Millisecond)
	s := newSpace(t, link.Handlers{})
	dead := blackhole(t)
	d := s.dialer(t)
	var asked int
	var mu sync.Mutex
	d.Proxy = func(*http.Request) (*url.URL, error) { // the first attempts go into the hole
		mu.Lock()
		defer mu.Unlock()
		if asked++; asked <= 3 {
			return &url.URL{Scheme: "http", Host: dead}, nil
		}
		return nil, nil
	}
	hub, err := d.Dial(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	hub.Close(nil)
	ended(t, <-s.sessions)
	select {
	case <-s.sessions:
		t.Error("one Dial made two sessions")
	default:
	}
}

// blackhole is an address where nobody answers a SYN: its queue is full.
func blackhole(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := l.(*net.TCPListener).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	shrink(t, raw)
	t.Cleanup(func() { _ = l.Close() })
	for {
		c, err := net.DialTimeout("tcp", l.Addr().String(), 100*time.Millisecond)
		if err != nil {
			return l.Addr().String()
		}
		t.Cleanup(func() { _ = c.Close() })
	}
}

func TestADialThatIsGivenUpLeavesNothing(t *testing.T) {
	link.SetAttempts(t, 5*time.Millisecond)
	s := newSpace(t, link.Handlers{})
	w := newWay(t, s.addr)
	w.set(true) // reached, and then nothing
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*2*time.Millisecond)
		if _, err := s.through(t, w).Dial(ctx, hello); err == nil {
			t.Error("reached the Space")
		}
		cancel()
	}
	w.set(false)
	for i := range 60 { // somewhere in the handshake or the hello
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*time.Millisecond)
		if hub, err := s.through(t, w).Dial(ctx, hello); err == nil {
			hub.Close(nil)
		}
		cancel()
	}
	drain := func() {
		for {
			select {
			case here := <-s.sessions:
				ended(t, here)
			default:
				return
			}
		}
	}
	drain()
}

// connectProxy is an HTTP proxy with CONNECT.
type connectProxy struct {
	want string // Proxy-Authorization
	mu   sync.Mutex
	asks []string
}

func (p *connectProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asks = append(p.asks, r.Method+" "+r.Host)
	p.mu.Unlock()
	if p.want != "" && r.Header.Get("Proxy-Authorization") != p.want {
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	far, err := net.Dial("tcp", r.Host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	w.WriteHeader(http.StatusOK)
	near, buf, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	var group sync.WaitGroup
	group.Go(func() { _, _ = io.Copy(far, buf); _ = far.Close() })
	_, _ = io.Copy(near, far)
	_ = near.Close()
	group.Wait()
}

func TestTheWayGoesThroughAnHTTPProxy(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	auth := "Basic " + base64.StdEncoding.EncodeToString([]byte("me:secret"))
	for name, c := range map[string]struct {
		want string
		user *url.Userinfo
		good bool
	}{
		"open": {good: true}, "password": {auth, url.UserPassword("me", "secret"), true},
		"wrong password": {auth, url.UserPassword("me", "other"), false}, "none": {auth, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &connectProxy{want: c.want}
			server := httptest.NewServer(p)
			defer server.Close()
			at, _ := url.Parse(server.URL)
			at.User = c.user
			d := s.dialer(t)
			d.Proxy = http.ProxyURL(at)
			hub, err := d.Dial(t.Context(), hello)
			if (err == nil) != c.good {
				t.Fatal(err)
			}
			if err != nil {
				if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), "other") {
					t.Errorf("the password stands in %q", err)
				}
				return
			}
			if len(p.asks) != 1 || p.asks[0] != "CONNECT "+s.addr {
				t.Error(p.asks)
			}
			here := <-s.sessions
			done := make(chan error, 1)
			go func() { done <- hub.Run(t.Context(), link.Handlers{}) }()
			h := client(hub)
			get(t, h, "http://space/", "ok")
			h.CloseIdleConnections()
			hub.Close(nil)
			<-done
			ended(t, here)
		})
	}
}

func TestAProxyThatEndsTLSIsNoticed(t *testing.T) {
	s := newSpace(t, link.Handlers{})
	direct := make(chan bool, 2)
	s.admit = func(a link.Applicant) (link.Welcome, error) {
		direct <- a.Direct
		return link.Welcome{Ticket: "1"}, nil
	}
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	to, _ := url.Parse(s.url())
	proxy := httptest.NewUnstartedServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}, ErrorLog: log.New(io.Discard, "", 0)})
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0)
	proxy.StartTLS()
	defer proxy.Close()
	d := s.dialer(t)
	d.URL = proxy.URL
	if _, err := d.Dial(t.Context(), hello); err == nil {
		t.Fatal("a certificate was taken that nobody vouches for")
	}
	d.Trust = link.Trust{Roots: x509.NewCertPool()}
	d.Trust.Roots.AddCert(proxy.Certificate())
	hub, err := d.Dial(t.Context(), hello)
	if err != nil {
		t.Fatal(err)
	}
	here := <-s.sessions
	done := make(chan error, 1)
	go func() { done <- hub.Run(t.Context(), link.Handlers{}) }()
	h := client(hub)
	get(t, h, "http://space/", "ok")
	h.CloseIdleConnections()
	if <-direct {
		t.Error("the Space takes this for a direct connection")
	}
	hub.Close(nil)
	<-done
	ended(t, here)
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-9000 * time.Hour), NotAfter: time.Now().Add(9000 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

func (a *authority) sign(t testing.TB, from, to time.Time) (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, _ := x509.ParseCertificate(der)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, link.Pin(leaf)
}

func TestCertificates(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	roots := x509.NewCertPool()
	roots.AddCert(ours.cert)
	now := time.Now()
	good := func(a *authority) (tls.Certificate, string) {
		return a.sign(t, now.Add(-time.Hour), now.Add(time.Hour))
	}
	over := func(a *authority) (tls.Certificate, string) {
		return a.sign(t, now.Add(-2*time.Hour), now.Add(-time.Hour))
	}
	early := func(a *authority) (tls.Certificate, string) {
		return a.sign(t, now.Add(time.Hour), now.Add(2*time.Hour))
	}
	for name, c := range map[string]struct {
		make  func(*authority) (tls.Certificate, string)
		from  *authority
		trust func(pin string) link.Trust
		good  bool
	}{
		"of our authority":              {good, ours, func(string) link.Trust { return link.Trust{Roots: roots} }, true},
		"of another":                    {good, theirs, func(string) link.Trust { return link.Trust{Roots: roots} }, false},
		"of another, seen":              {good, theirs, func(pin string) link.Trust { return link.Trust{Roots: roots, Seen: pin} }, false},
		"of another, over, seen":        {over, theirs, func(pin string) link.Trust { return link.Trust{Roots: roots, Seen: pin} }, false},
		"of another, pinned":            {good, theirs, func(pin string) link.Trust { return link.Trust{Roots: roots, Pin: pin} }, true},
		"pinned, over":                  {over, theirs, func(pin string) link.Trust { return link.Trust{Roots: roots, Pin: pin} }, true},
		"pinned, clock behind":          {early, theirs, func(pin string) link.Trust { return link.Trust{Roots: roots, Pin: pin} }, true},
		"over":                          {over, ours, func(string) link.Trust { return link.Trust{Roots: roots} }, false},
		"over, another was seen":        {over, ours, func(string) link.Trust { return link.Trust{Roots: roots, Seen: "x"} }, false},
		"over, seen":                    {over, ours, func(pin string) link.Trust { return link.Trust{Roots: roots, Seen: pin} }, true},
		"clock behind, seen":            {early, ours, func(pin string) link.Trust { return link.Trust{Roots: roots, Seen: pin} }, true},
		"clock behind, first time":      {early, ours, func(string) link.Trust { return link.Trust{Roots: roots} }, false},
		"another is pinned, of ours":    {good, ours, func(string) link.Trust { return link.Trust{Roots: roots, Pin: "x"} }, true},
		"another is pinned, of another": {good, theirs, func(string) link.Trust { return link.Trust{Roots: roots, Pin: "x"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			cert, pin := c.make(c.from)
			s := newSpaceWith(t, link.Handlers{}, nil, cert, pin)
			d := s.dialer(t)
			d.Trust = c.trust(pin)
			hub, err := d.Dial(t.Context(), hello)
			if (err == nil) != c.good {
				t.Fatal(err)
			}
			if err == nil {
				hub.Close(nil)
				ended(t, <-s.sessions)
			}
		})
	}
}

func TestAnAnswerThatIsNoSpaceIsExplained(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write(make([]byte, 1<<20))
	}))
	defer server.Close()
	d := &link.Dialer{URL: server.URL, Space: "x", Key: newKey(t)}
	if _, err := d.Dial(t.Context(), hello); err == nil || !strings.Contains(err.Error(), "is there a Space") {
		t.Fatal(err)
	}
	// One that never ends its head.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n")
		for {
			if _, err := io.WriteString(c, "A: "+strings.Repeat("x", 60<<10)+"\r\n"); err != nil {
				return
			}
		}
	})
	d.URL = "http://" + l.Addr().String()
	before := heap()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if _, err := d.Dial(ctx, hello); err == nil {
		t.Error("no error")
	}
	if after := heap(); after > before+64<<20 {
		t.Errorf("%d MB are held", (after-before)>>20)
	}
	_ = l.Close()
	group.Wait()
}

func TestKeepTriesRarelyWhenRefused(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	tried := make(chan struct{}, 100)
	now := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		link.Keep(ctx, now, func(context.Context) (*link.Session, error) {
			tried <- struct{}{}
			return nil, &link.Refused{Kind: waverider.Forbidden}
		}, nil, func(err error) {
			if r := (*link.Refused)(nil); !errors.As(err, &r) {
				t.Error(err)
			}
		})
	}()
	<-tried
	now <- struct{}{} // something has changed that may help
	<-tried
	select {
	case <-tried:
		t.Error("tried again at once")
	case <-time.After(2 * time.Second):
	}
	cancel()
	<-done
}

func FuzzParseJoinToken(f *testing.F) {
	f.Add(link.JoinToken{Space: "s", Pin: "p", ID: "i", Secret: "x"}.String())
	f.Add(link.JoinToken{Space: "s", ID: "i", Secret: "x"}.String())
	f.Add("wrj1.a.-.b.c\n")
	f.Add("wrj1....")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := link.ParseJoinToken(text)
		if err != nil {
			if len(text) > 12 && strings.Contains(err.Error(), text) {
				t.Errorf("the error %q repeats the text", err)
			}
			return
		}
		if token.Space == "" || token.ID == "" || token.Secret == "" || strings.Contains(token.Answer(), "\n") {
			t.Errorf("%q is taken for %+v", text, token)
		}
		again, err := link.ParseJoinToken(token.String())
		if err != nil || again != token {
			t.Errorf("%+v became %+v %v", token, again, err)
		}
	})
}
