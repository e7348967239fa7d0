package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider/auth"
	"waverider/wire"
)

func TestAnswerAndBodyFlowAtTheSameTime(t *testing.T) {
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("POST /inout", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			out, err := wire.StreamOut(w, r, "application/octet-stream")
			if err != nil {
				return err
			}
			_, err = io.Copy(flushing{out}, r.Body)
			return err
		})
	})
	in, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/inout", in)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out := bufio.NewReader(resp.Body)
	for i := range 100 {
		line := fmt.Sprintf("line %d\n", i)
		if _, err := io.WriteString(feed, line); err != nil {
			t.Fatal(err)
		}
		if got, err := out.ReadString('\n'); got != line {
			t.Fatalf("%q, %v, want %q", got, err, line)
		}
	}
	_ = feed.Close()
	if rest, err := io.ReadAll(out); err != nil || len(rest) != 0 {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func TestErrorAfterTheFirstByteIsNoEnd(t *testing.T) {
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("GET /stream", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
			out, err := wire.StreamOut(w, r, "application/octet-stream")
			if err != nil {
				return err
			}
			if _, err := out.Write([]byte("half")); err != nil {
				return err
			}
			return errors.New("the disk went away")
		})
		m.Handle("GET /panic", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
			_, err := io.WriteString(w, "half")
			panic(fmt.Sprint("oops", err))
		})
	})
	for _, path := range []string{"/stream", "/panic"} {
		resp, err := http.Get(s.url + path)
		if err != nil {
			continue // cut before the headers were read: as good
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil {
			t.Errorf("%s: ended well with %q", path, text)
		}
	}
	if log := s.log.String(); !strings.Contains(log, "the disk went away") || !strings.Contains(log, "oops") {
		t.Errorf("log:\n%s", log)
	}
}

func TestContinueIsSentWhenTheBodyIsWanted(t *testing.T) {
	refuse := make(chan bool, 1)
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("POST /upload", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			if <-refuse {
				return errors.New("no")
			}
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				return err
			}
			return wire.WriteJSON(w, 200, n)
		})
		m.Handle("POST /early", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			wire.Continue(w, r)
			<-refuse
			n, err := io.Copy(io.Discard, r.Body)
			if err != nil {
				return err
			}
			return wire.WriteJSON(w, 200, n)
		})
	})
	ask := func(path string) (*bufio.Reader, io.Writer) {
		c := dial(t, s.addr)
		fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n", path)
		return bufio.NewReader(c), c
	}
	line := func(r *bufio.Reader) string {
		text, err := r.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		return strings.TrimSpace(text)
	}

	refuse <- false
	r, w := ask("/upload")
	if got := line(r) + line(r); got != "HTTP/1.1 100 Continue" {
		t.Errorf("wanted body: %q", got)
	}
	fmt.Fprint(w, "data")
	if got := line(r); got != "HTTP/1.1 200 OK" {
		t.Errorf("after the body: %q", got)
	}

	refuse <- true
	r, _ = ask("/upload")
	if got := line(r); got != "HTTP/1.1 500 Internal Server Error" {
		t.Errorf("refused body: %q", got)
	}

	r, w = ask("/early")
	if got := line(r) + line(r); got != "HTTP/1.1 100 Continue" {
		t.Errorf("early: %q", got)
	}
	refuse <- false
	fmt.Fprint(w, "data")
	if got := line(r); got != "HTTP/1.1 200 OK" {
		t.Errorf("early, after the body: %q", got)
	}
}

func TestShutdownEndsStreamsAtOnceAndLetsShortWorkFinish(t *testing.T) {
	inShort, finish := make(chan struct{}), make(chan struct{})
	inLong := make(chan error, 1)
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("GET /follow", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
			ctx, cancel := wire.Long(w, r)
			defer cancel()
			if _, err := wire.StreamOut(w, r, "text/plain"); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		})
		m.Handle("POST /input", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			_, cancel := wire.Long(w, r)
			defer cancel()
			one := make([]byte, 1)
			if _, err := io.ReadFull(r.Body, one); err != nil {
				return err
			}
			inLong <- nil
			_, err := io.Copy(io.Discard, r.Body)
			inLong <- err
			return err
		})
		m.Handle("POST /short", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			close(inShort)
			<-finish
			return wire.WriteJSON(w, 200, r.Context().Err() == nil)
		})
	})
	follow, err := http.Get(s.url + "/follow")
	if err != nil {
		t.Fatal(err)
	}
	defer follow.Body.Close()

	in, feed := io.Pipe()
	input := make(chan error, 1)
	go func() {
		resp, err := http.Post(s.url+"/input", "text/plain", in)
		if err == nil {
			_ = resp.Body.Close()
		}
		input <- err
	}()
	if _, err := feed.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-inLong

	short := make(chan string, 1)
	go func() {
		_, body := do(t, "POST", s.url+"/short", nil)
		short <- body
	}()
	<-inShort

	stopped := make(chan struct{})
	go func() { s.stop(); close(stopped) }()
	if _, err := io.ReadAll(follow.Body); err == nil {
		t.Error("the stream ended as if it were whole")
	}
	if err := <-inLong; err == nil {
		t.Error("reading an open body went on")
	}
	close(finish)
	if got := strings.TrimSpace(<-short); got != "true" {
		t.Errorf("short work: %q", got)
	}
	_ = feed.Close()
	<-input
	<-stopped
}

func TestShutdownCutsWhatDoesNotEnd(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("GET /stuck", auth.Read, func(_ http.ResponseWriter, r *http.Request) error {
			close(entered)
			<-r.Context().Done()
			return r.Context().Err()
		})
	})
	got := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.url + "/stuck")
		if err == nil {
			_ = resp.Body.Close()
		}
		got <- err
	}()
	<-entered
	s.stop()
	if err := <-got; err == nil {
		t.Error("the request ended well")
	}
}

func TestLongEndsWhenTheClientLeaves(t *testing.T) {
	ended := make(chan struct{})
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("GET /follow", auth.Read, func(w http.ResponseWriter, r *http.Request) error {
			ctx, cancel := wire.Long(w, r)
			defer cancel()
			if _, err := wire.StreamOut(w, r, "text/plain"); err != nil {
				return err
			}
			<-ctx.Done()
			close(ended)
			return ctx.Err()
		})
	})
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/follow", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	leave()
	_ = resp.Body.Close()
	<-ended
	if log := s.log.String(); strings.Contains(log, "WARN") {
		t.Errorf("a client that leaves is no news:\n%s", log)
	}
}

func TestAnIPv4AddressIsThatAlone(t *testing.T) {
	for addr, want := range map[string]string{"0.0.0.0:0": "0.0.0.0", "127.0.0.1:0": "127.0.0.1"} {
		l, err := wire.Listen(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		if host, _, _ := net.SplitHostPort(l.Addr().String()); host != want {
			t.Errorf("%s listens on %s", addr, l.Addr())
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestConnectionsOverTheLimitAreToldSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := &logBuffer{}
	mux := wire.NewMux(discard(log))
	routes(mux)
	srv := &wire.Server{Handler: mux.Serve(wire.Access{Gate: &auth.Gate{Open: true}}), Log: discard(log), Limit: 2, Grace: time.Second}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx, l) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	ask := func(c io.ReadWriter) string {
		fmt.Fprint(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return err.Error()
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Status
	}
	first, second := dial(t, l.Addr().String()), dial(t, l.Addr().String())
	for _, c := range []io.ReadWriter{first, second} {
		if got := ask(c); got != "200 OK" {
			t.Fatalf("within the limit: %s", got)
		}
	}
	third := dial(t, l.Addr().String())
	if text, _ := io.ReadAll(third); !strings.HasPrefix(string(text), "HTTP/1.1 503 ") {
		t.Errorf("over the limit: %q", text)
	}
	_ = first.Close()
	// The server notices the end of a connection in its own time.
	for deadline := time.Now().Add(10 * time.Second); ; {
		if got := ask(dial(t, l.Addr().String())); got == "200 OK" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("the freed place is not given again: %s", got)
		}
	}
}

// raw sends text on a fresh connection and reads answers from it.
func raw(t *testing.T, addr, text string) (io.Writer, *bufio.Reader) {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func answer(t *testing.T, r *bufio.Reader) (int, string) {
	t.Helper()
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%d %q: %v", resp.StatusCode, text, err)
	}
	return resp.StatusCode, string(text)
}

func TestSilentBodyHoldsNoConnection(t *testing.T) {
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("POST /refuse", auth.Run, func(http.ResponseWriter, *http.Request) error { return errors.New("no") })
		m.Handle("POST /early", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(202)
			_, err := io.CopyN(io.Discard, r.Body, 3)
			return err
		})
		m.Handle("POST /cut", auth.Run, func(w http.ResponseWriter, r *http.Request) error {
			w.WriteHeader(202)
			_, _ = io.CopyN(io.Discard, r.Body, 3)
			return errors.New("the Instance has ended")
		})
	})
	const open = " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
	for path, want := range map[string]int{"/refuse": 500, "/early": 202, "/nowhere": 404} {
		_, r := raw(t, s.addr, "POST "+path+open)
		if status, _ := answer(t, r); status != want {
			t.Errorf("%s: %d", path, status)
		}
		// The client never ends its body, and still the connection comes to its end.
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Errorf("%s: after the answer %q, %v", path, rest, err)
		}
	}
	_, r := raw(t, s.addr, "POST /cut"+open)
	text, err := io.ReadAll(r)
	if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 202 ") && len(text) > 0 || strings.HasSuffix(string(text), "\r\n0\r\n\r\n") {
		t.Errorf("/cut: %q, %v", text, err)
	}
}

func TestShortBodyLeftUnreadKeepsTheConnection(t *testing.T) {
	s := serve(t, nil, routes)
	_, r := raw(t, s.addr, "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"+
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if status, _ := answer(t, r); status != 404 {
		t.Errorf("first: %d", status)
	}
	if status, text := answer(t, r); status != 200 || text != "GET /healthz" {
		t.Errorf("second: %d %q", status, text)
	}
}

func TestNothingInABodyIsTakenForARequest(t *testing.T) {
	called := make(chan struct{}, 1)
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("GET /secret", auth.Read, func(http.ResponseWriter, *http.Request) error {
			called <- struct{}{}
			return nil
		})
		m.Handle("POST /early", auth.Run, func(w http.ResponseWriter, _ *http.Request) error {
			return wire.WriteJSON(w, 200, 1)
		})
	})
	inner := "GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n"
	for _, head := range []string{
		"Transfer-Encoding: chunked\r\n\r\n1000\r\n", // never ended
		"Content-Length: 1000000\r\n\r\n",
	} {
		_, r := raw(t, s.addr, "POST /early HTTP/1.1\r\nHost: localhost\r\n"+head+inner)
		if status, _ := answer(t, r); status != 200 {
			t.Errorf("%d", status)
		}
		if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
			t.Errorf("after the answer %q, %v", rest, err)
		}
	}
	select {
	case <-called:
		t.Error("a body was taken for a request")
	default:
	}
}

func TestRefusedUploadReadsItsAnswer(t *testing.T) {
	s := serve(t, nil, func(m *wire.Mux) {
		m.Handle("POST /upload", auth.Run, func(http.ResponseWriter, *http.Request) error {
			return errors.New("no")
		})
	})
	// A client that sends first and reads later, as many do.
	c := dial(t, s.addr)
	const size = 8 << 20
	fmt.Fprintf(c, "POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n", size)
	sent, err := io.CopyN(c, zeros{}, size)
	if status, _ := answer(t, bufio.NewReader(c)); status != 500 {
		t.Errorf("%d after %d bytes, %v", status, sent, err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
