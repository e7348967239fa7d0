package space_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/auth"
	"waverider/link"
	"waverider/wire"
)

// asked is a request as it came to a Hub.
type asked struct {
	method, path, query string
	header              http.Header
	who                 auth.Identity
	body                string
	err                 error // of the body
}

// far is the API of a Hub for tests. It is behind the gate that Hubs have.
type far struct {
	asked chan asked
	gone  chan error // ends of requests that last
	feed  chan string
}

func newFar() *far {
	return &far{asked: make(chan asked, 100), gone: make(chan error, 100), feed: make(chan string)}
}

func (f *far) api(s *site) func(d *disk, l *link.Session) http.Handler {
	return func(d *disk, l *link.Session) http.Handler {
		m := wire.NewMux(slog.New(slog.DiscardHandler))
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			m.Handle(method+" /api/v1/any/{rest...}", auth.Read, f.any)
			m.Handle(method+" /api/v1/run/{rest...}", auth.Run, f.any)
			m.Handle(method+" /api/v1/admin/{rest...}", auth.Admin, f.any)
		}
		m.Handle("GET /api/v1/stream", auth.Read, f.stream)
		m.Handle("POST /api/v1/inout", auth.Run, f.inout)
		m.Handle("POST /api/v1/late", auth.Run, f.late)
		m.Handle("GET /api/v1/huge", auth.Read, func(w http.ResponseWriter, _ *http.Request) error {
			for i := range 100 {
				w.Header().Set(fmt.Sprint("X-", i), strings.Repeat("x", 64<<10))
			}
			return nil
		})
		return m.Serve(wire.Access{Gate: &auth.Gate{Signer: s.key.PublicKey(), Audience: link.Audience(d.key.ID(), l.ID)}})
	}
}

func (f *far) any(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	f.asked <- asked{r.Method, r.URL.EscapedPath(), r.URL.RawQuery, r.Header, wire.IdentityOf(r), string(body), err}
	w.Header().Set("Trailer", wire.CursorHeader)
	w.Header().Set("Set-Cookie", "a=b")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("X-Kept", "yes")
	w.WriteHeader(http.StatusAccepted)
	_, err = io.WriteString(w, "answer")
	w.Header().Set(wire.CursorHeader, "12")
	return err
}

func (f *far) stream(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	out, err := wire.StreamOut(w, r, "text/plain")
	if err != nil {
		return err
	}
	for {
		select {
		case text := <-f.feed:
			if text == "die" {
				return errors.New("died")
			}
			if text == "end" {
				return nil
			}
			if _, err := io.WriteString(out, text); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		case <-ctx.Done():
			f.gone <- context.Cause(ctx)
			return ctx.Err()
		}
	}
}

func (f *far) inout(w http.ResponseWriter, r *http.Request) error {
	out, err := wire.StreamOut(w, r, "text/plain")
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		if _, err := io.WriteString(out, "<"+lines.Text()+">\n"); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	f.gone <- lines.Err()
	return lines.Err()
}

// late reads its body when it is told.
func (f *far) late(w http.ResponseWriter, r *http.Request) error {
	if <-f.feed == "refuse" {
		w.WriteHeader(http.StatusConflict)
		return nil
	}
	body, err := io.ReadAll(r.Body)
	f.asked <- asked{body: string(body), err: err}
	return err
}

// linked is a Space with one Hub.
func linked(t *testing.T) (*site, *far, *here) {
	s, f := newSite(t), newFar()
	_, h := s.join(`{"name":"hub"}`, f.api(s))
	return s, f, h
}

const below = "/api/v1/sth/hub/api/v1"

func TestCallsComeAsTheyWereMade(t *testing.T) {
	s, f, _ := linked(t)
	for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
		for _, path := range []string{"/any/a", "/any/a%2Fb/c", "/any/%2e%2Fx", "/any/a%20b+c", "/any/%C3%A9?x=1;2&y=%2F&z", "/any/a/?", "/any/a%00b", "/any/x%3Fy%23z"} {
			var body io.Reader
			if method != "GET" {
				body = strings.NewReader("body of " + method)
			}
			resp := s.do(method, below+path, s.admin, body, "X-Mine", "1", "Content-Type", "text/x")
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != http.StatusAccepted || string(text) != "answer" || resp.Trailer.Get(wire.CursorHeader) != "12" || resp.Header.Get("X-Kept") != "yes" {
				t.Fatalf("%s %s: %s %q trailer %v", method, path, resp.Status, text, resp.Trailer)
			}
			for _, name := range []string{"Set-Cookie", "Access-Control-Allow-Origin"} {
				if v := resp.Header.Get(name); v != "" {
					t.Errorf("the Hub set %s: %s", name, v)
				}
			}
			a := <-f.asked
			plain, query, _ := strings.Cut("/api/v1"+path, "?")
			if a.method != method || a.path != plain || a.query != query || a.header.Get("X-Mine") != "1" || a.header.Get("Content-Type") != "text/x" {
				t.Errorf("%s %s came as %+v", method, path, a)
			}
			if method != "GET" && a.body != "body of "+method {
				t.Errorf("body %q", a.body)
			}
		}
	}
	resp := s.do("HEAD", below+"/any/a", s.admin, nil)
	resp.Body.Close()
	if a := <-f.asked; a.method != "HEAD" || resp.StatusCode != http.StatusAccepted {
		t.Errorf("%+v %s", a, resp.Status)
	}
	for _, base := range []string{"/api/v1/space/here", "/api/v1/cpm/" + s.key.ID(), "/API/V1/SPACE/here"} {
		s.want(http.StatusAccepted, "GET", base+below+"/any/a%2Fsth%2Fx/api/v1/y", s.admin, "", nil)
		if a := <-f.asked; a.path != "/api/v1/any/a%2Fsth%2Fx/api/v1/y" {
			t.Errorf("%+v", a)
		}
	}
}

func TestOddPathsGoNowhere(t *testing.T) {
	s, f, _ := linked(t)
	for _, path := range []string{"/any/../x", "/any/%2e%2e/x", "/any//x", "/any/./x", "/any/%2E/x", "/../../../version", "/any/a/..", "/nothing", "/any/%zz"} {
		raw := s.raw(t, "GET "+below+path+" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.admin+"\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(raw, "HTTP/1.1 404") && !strings.HasPrefix(raw, "HTTP/1.1 400") {
			t.Errorf("%s: %.60q", path, raw)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("came as %+v", <-f.asked)
	}
}

// raw sends bytes over TLS and answers all that comes back.
func (s *site) raw(t *testing.T, text string) string {
	t.Helper()
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text)
	all, err := io.ReadAll(c)
	if n, ok := err.(net.Error); ok && n.Timeout() {
		t.Errorf("no end: %.200q", all)
	}
	return string(all)
}

func TestSmugglingGoesNowhere(t *testing.T) {
	s, f, _ := linked(t)
	head := "POST " + below + "/any/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.admin + "\r\n"
	second := "GET /api/v1/admin/stolen HTTP/1.1\r\nHost: hub\r\n\r\n"
	for name, text := range map[string]string{
		"length and chunks":   head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n%s", len(second)+5, second),
		"two lengths":         head + "Content-Length: 0\r\nContent-Length: 60\r\nConnection: close\r\n\r\n" + second,
		"odd chunks":          head + "Transfer-Encoding: chunked, identity\r\nConnection: close\r\n\r\n0\r\n\r\n" + second,
		"space in name":       head + "Transfer-Encoding : chunked\r\nConnection: close\r\n\r\n0\r\n\r\n" + second,
		"body as a request":   head + fmt.Sprintf("Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(second), second),
		"connection names it": head + "Content-Length: 0\r\nConnection: close, Authorization, X-Mine, Content-Length\r\nX-Mine: 1\r\n\r\n",
	} {
		raw := s.raw(t, text)
		for len(f.asked) > 0 {
			a := <-f.asked
			if strings.Contains(a.path, "stolen") || a.who.Role != auth.RoleAdmin || a.header.Get("X-Mine") != "" || name != "body as a request" && a.body != "" {
				t.Errorf("%s: came as %+v, answer %.80q", name, a, raw)
			}
		}
	}
}

func TestNoOtherProtocolIsSpoken(t *testing.T) {
	s, f, _ := linked(t)
	raw := s.raw(t, "GET "+below+"/any/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.admin+"\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n")
	a := <-f.asked
	if a.header.Get("Upgrade") != "" || strings.Contains(strings.ToLower(a.header.Get("Connection")), "upgrade") {
		t.Errorf("%v", a.header)
	}
	if !strings.HasPrefix(raw, "HTTP/1.1 202") {
		t.Errorf("%.80q", raw)
	}
	// A Hub that switches by itself.
	_, h := s.join(`{"name":"bad"}`, func(*disk, *link.Session) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, buf, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer c.Close()
			_, _ = buf.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nhello")
			_ = buf.Flush()
			got, _ := io.ReadAll(c)
			if bytes.Contains(got, []byte("secret")) {
				t.Error("the Hub reads what the caller says to the Space")
			}
		})
	})
	_ = h
	raw = s.raw(t, "GET /api/v1/sth/bad/api/v1/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+s.admin+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nGET /secret HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(raw, "HTTP/1.1 50") || strings.Contains(raw, "hello") {
		t.Errorf("%.200q", raw)
	}
}

func TestWhoCallsIsKnownToTheHub(t *testing.T) {
	s, f, _ := linked(t)
	statuses := map[auth.Role][3]int{
		auth.RoleViewer:   {http.StatusAccepted, http.StatusForbidden, http.StatusForbidden},
		auth.RoleOperator: {http.StatusAccepted, http.StatusAccepted, http.StatusForbidden},
		auth.RoleAdmin:    {http.StatusAccepted, http.StatusAccepted, http.StatusAccepted},
	}
	for role, want := range statuses {
		token := s.token(role)
		for i, path := range []string{"/any/x", "/run/x", "/admin/x"} {
			resp := s.do("POST", below+path, token, strings.NewReader("{}"), "Cookie", "a=b", "Proxy-Authorization", "Bearer "+token, "X-Forwarded-For", "1.2.3.4")
			resp.Body.Close()
			if resp.StatusCode != want[i] {
				t.Errorf("%s %s: %s", role, path, resp.Status)
			}
			if resp.StatusCode != http.StatusAccepted {
				continue
			}
			a := <-f.asked
			if a.who.Role != role || a.who.Subject != "a "+string(role) {
				t.Errorf("%s came as %+v", role, a.who)
			}
			for name, values := range a.header {
				if strings.Contains(strings.Join(values, " "), token) || name == "Cookie" || strings.HasPrefix(name, "X-Forwarded") {
					t.Errorf("the Hub got %s: %q", name, values)
				}
			}
		}
	}
	for _, authorization := range []string{"", "Bearer x", "Basic YTpi", "bearer " + s.admin + "x"} {
		resp := s.do("GET", below+"/any/x", "", nil, "Authorization", authorization)
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("with %.20q: %s", authorization, resp.Status)
		}
	}
	if len(f.asked) > 0 {
		t.Errorf("the Hub was asked %+v", <-f.asked)
	}
}

// What the Space says of a caller to one Hub is of no use at another, at the
// Space, or in the next session.
func TestTheWordOfTheSpaceIsForOneSession(t *testing.T) {
	s, f, _ := linked(t)
	f2 := newFar()
	s.join(`{"name":"other"}`, f2.api(s))
	s.want(http.StatusAccepted, "GET", below+"/any/x", s.admin, "", nil)
	word := (<-f.asked).header.Get("Authorization")
	resp := s.do("GET", "/api/v1/list", "", nil, "Authorization", word)
	resp.Body.Close()
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the Space: %s", resp.Status)
	}
	api := f2.api(s)(newDisk(t), &link.Session{ID: "1"})
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://hub/api/v1/any/x", http.NoBody)
	r.Header.Set("Authorization", word)
	w := &answer{header: http.Header{}}
	api.ServeHTTP(w, r)
	if w.status != http.StatusUnauthorized {
		t.Errorf("another Hub: %d", w.status)
	}
}

// answer keeps the status.
type answer struct {
	header http.Header
	status int
}

func (w *answer) Header() http.Header         { return w.header }
func (w *answer) Write(p []byte) (int, error) { return len(p), nil }
func (w *answer) WriteHeader(status int)      { w.status = status }

func TestStreamsThroughTheSpace(t *testing.T) {
	s, f, _ := linked(t)
	resp := s.do("GET", below+"/stream", s.admin, nil)
	in := bufio.NewReader(resp.Body)
	for i := range 5 { // each piece comes at once
		f.feed <- fmt.Sprintln("line", i)
		if line, err := in.ReadString('\n'); err != nil || line != fmt.Sprintln("line", i) {
			t.Fatal(line, err)
		}
	}
	f.feed <- "end"
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	resp.Body.Close()
	resp = s.do("HEAD", below+"/stream", s.admin, nil)
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Error(resp.Status)
	}
}

func TestAClientThatLeavesEndsItsRequestOnTheHub(t *testing.T) {
	s, f, _ := linked(t)
	resp := s.do("GET", below+"/stream", s.admin, nil)
	resp.Body.Close() // leaves
	wait(t, f.gone)
	// One that is fed.
	pr, pw := io.Pipe()
	resp = s.do("POST", below+"/inout", s.admin, pr)
	_, _ = io.WriteString(pw, "a\n")
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); line != "<a>\n" || err != nil {
		t.Fatal(line, err)
	}
	resp.Body.Close()
	wait(t, f.gone)
	_ = pw.Close()
	// One whose Hub writes, and which takes nothing.
	ctx, cancel := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", s.url(below+"/stream"), http.NoBody)
	r.Header.Set("Authorization", "Bearer "+s.admin)
	resp, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var feeding sync.WaitGroup
	feeding.Go(func() {
		for {
			select {
			case f.feed <- strings.Repeat("x", 1<<20):
			case <-stop:
				return
			}
		}
	})
	one := make([]byte, 1)
	_, _ = resp.Body.Read(one)
	time.Sleep(100 * time.Millisecond) // all buffers fill
	cancel()
	resp.Body.Close()
	close(stop)
	feeding.Wait()
	s.client.CloseIdleConnections()
}

func wait(t *testing.T, gone chan error) {
	t.Helper()
	select {
	case <-gone:
	case <-time.After(5 * time.Second):
		t.Fatal("the request goes on")
	}
}

func TestAnAnswerThatIsCutIsNotWhole(t *testing.T) {
	s, f, h := linked(t)
	for name, cut := range map[string]func(){
		"the handler fails":  func() { f.feed <- "die" },
		"the session is cut": func() { h.Close(errors.New("cut")) },
	} {
		if name == "the handler fails" {
			resp := s.do("GET", below+"/stream", s.admin, nil)
			f.feed <- "half"
			cut()
			if all, err := io.ReadAll(resp.Body); err == nil || string(all) != "half" {
				t.Errorf("%s: %q %v", name, all, err)
			}
			resp.Body.Close()
		}
	}
	resp := s.do("GET", below+"/stream", s.admin, nil)
	f.feed <- "half"
	h.Close(errors.New("cut"))
	if all, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the session is cut: %q", all)
	}
	resp.Body.Close()
	s.until("the Hub is away", func() bool { return s.hub("hub").State == "away" })
	if text := s.want(http.StatusServiceUnavailable, "GET", below+"/any/x", s.admin, "", nil); !strings.Contains(text, "not connected") {
		t.Error(text)
	}
}

func TestBodiesGoBothWaysAtOnce(t *testing.T) {
	s, f, _ := linked(t)
	pr, pw := io.Pipe()
	resp := s.do("POST", below+"/inout", s.admin, pr)
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	for i := range 200 {
		if _, err := fmt.Fprintf(pw, "line %d %s\n", i, strings.Repeat("x", i*10)); err != nil {
			t.Fatal(err)
		}
		if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, fmt.Sprintf("<line %d ", i)) {
			t.Fatal(line, err)
		}
	}
	_ = pw.Close()
	if rest, err := io.ReadAll(in); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	if err := <-f.gone; err != nil {
		t.Error(err)
	}
}

func TestABodyWaitsForItsContinue(t *testing.T) {
	s, f, _ := linked(t)
	c, err := tls.Dial("tcp", s.addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	head := "POST " + below + "/late HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.admin + "\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
	in := bufio.NewReader(c)
	_, _ = io.WriteString(c, head)
	f.feed <- "go"
	if line, err := in.ReadString('\n'); err != nil || !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatal(line, err)
	}
	_, _ = in.ReadString('\n')
	_, _ = io.WriteString(c, "12345")
	if a := <-f.asked; a.body != "12345" || a.err != nil {
		t.Errorf("%+v", a)
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	_, _ = io.WriteString(c, head)
	f.feed <- "refuse"
	if resp, err = http.ReadResponse(in, nil); err != nil || resp.StatusCode != http.StatusConflict {
		t.Fatal(resp, err)
	}
	resp.Body.Close()
}

func TestLongHeadersAreRefused(t *testing.T) {
	s, f, h := linked(t)
	s.want(http.StatusServiceUnavailable, "GET", below+"/huge", s.admin, "", nil)
	resp := s.do("GET", below+"/any/x", s.admin, nil, "X-Long", strings.Repeat("x", 200<<10))
	resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(resp.Status)
	}
	resp = s.do("GET", below+"/any/x", s.admin, nil, "X-Long", strings.Repeat("x", 40<<10))
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Error(resp.Status)
	}
	<-f.asked
	if h.Context().Err() != nil {
		t.Error("the session has ended")
	}
}

func TestManyCallsAtOnce(t *testing.T) {
	s, f, _ := linked(t)
	go func() {
		for range f.asked {
		}
	}()
	defer close(f.asked)
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			for range 5 {
				body := strings.Repeat(fmt.Sprint(i%10), 100<<10)
				resp := s.do("POST", below+"/any/x", s.admin, strings.NewReader(body))
				text, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if resp.StatusCode != http.StatusAccepted || string(text) != "answer" || err != nil {
					t.Errorf("%s %q %v", resp.Status, text, err)
				}
			}
		})
	}
	group.Wait()
}

func TestWhatAHubAnswersIsNoPageOfTheSpace(t *testing.T) {
	s := newSite(t)
	d, _ := s.join("", func(*disk, *link.Session) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, value := range map[string]string{"Content-Type": "text/html", "Service-Worker-Allowed": "/", "Set-Cookie": "a=b", "Clear-Site-Data": "*",
				"Content-Security-Policy": "default-src *", "X-Content-Type-Options": "x"} {
				w.Header().Set(name, value)
			}
			_, _ = io.WriteString(w, "<script>evil()</script>")
		})
	})
	resp := s.do("GET", "/api/v1/sth/"+d.key.ID()+"/api/v1/x", s.token(auth.RoleViewer), nil)
	resp.Body.Close()
	for name, want := range map[string]string{"Content-Security-Policy": "[sandbox; default-src 'none']", "X-Content-Type-Options": "[nosniff]",
		"Service-Worker-Allowed": "[]", "Set-Cookie": "[]", "Clear-Site-Data": "[]", "Content-Type": "[text/html]"} {
		if got := fmt.Sprint(resp.Header.Values(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestPathsOfASpaceWithTheNameOfAPath(t *testing.T) {
	s := newSiteNamed(t, "sth")
	d, _ := s.join(`{"name":"api"}`, func(*disk, *link.Session) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.URL.EscapedPath()) })
	})
	for _, base := range []string{"/api/v1", "/api/v1/space/sth/api/v1", "/api/v1/cpm/sth/api/v1", "/API/V1/Space/sth/Api/v1"} {
		for _, hub := range []string{d.key.ID(), "api"} {
			for _, path := range []string{"x", "sth/y/api/v1/z", "a%2Fb/c"} {
				if got := s.want(http.StatusOK, "GET", base+"/sth/"+hub+"/api/v1/"+path, s.admin, "", nil); got != "/api/v1/"+path {
					t.Errorf("%s, %s: the Hub is asked for %s", base, path, got)
				}
			}
		}
	}
}
