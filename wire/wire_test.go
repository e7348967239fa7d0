package wire_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider/auth"
	"waverider/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logBuffer is a log that tests can read while handlers write.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// flushing sends each piece at once.
type flushing struct{ *wire.Stream }

func (f flushing) Write(p []byte) (int, error) {
	n, err := f.Stream.Write(p)
	return n, errors.Join(err, f.Flush())
}

// site is a running server with its Mux.
type site struct {
	url  string
	addr string
	log  *logBuffer
	stop func() // ends the server and waits for it
}

// serve runs a server on a free port until the test ends. gate nil lets all in.
func serve(t *testing.T, gate *auth.Gate, register func(*wire.Mux)) *site {
	t.Helper()
	log := &logBuffer{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	mux := wire.NewMux(logger)
	register(mux)
	ctx, cancel := context.WithCancel(context.Background())
	l, err := wire.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if gate == nil {
		gate = &auth.Gate{Open: true}
	}
	srv := &wire.Server{
		Handler: mux.Serve(wire.Access{Gate: gate, Guard: &wire.Guard{Listen: l.Addr()}}),
		Log:     logger, Grace: 2 * time.Second,
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Run(ctx, l) }()
	s := &site{url: "http://" + l.Addr().String(), addr: l.Addr().String(), log: log}
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		s.stop()
	})
	return s
}

// do sends one request and reads the whole answer.
func do(t *testing.T, method, url string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func discard(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// echo answers which pattern was hit and with what ids.
func echo(names ...string) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		text := []string{r.Pattern}
		for _, n := range names {
			text = append(text, n+"="+r.PathValue(n))
		}
		_, err := io.WriteString(w, strings.Join(text, " "))
		return err
	}
}
