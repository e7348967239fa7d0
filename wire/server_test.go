package wire_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
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
			_, err = wire.CopyFlush(out, r.Body)
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
