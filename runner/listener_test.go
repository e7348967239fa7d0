package runner_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

func TestSocketIsForThisUserOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "channel.sock")
	l, err := runner.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is still there: %v", err)
	}
}

func TestListenReplacesAStaleSocketOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "channel.sock")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runner.Listen(path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Fatalf("Listen on a living socket: %v", err)
	}
	stale.SetUnlinkOnClose(false)
	stale.Close()
	l, err := runner.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.Listen(path); err == nil {
		t.Error("Listen replaced a file")
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is gone: %v", err)
	}
}

func TestLongPathIsReachable(t *testing.T) {
	// The links' folder is in the temporary one; ours for this test.
	tmp, err := os.MkdirTemp("/tmp", "wr")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	t.Setenv("TMPDIR", tmp)
	dir := t.TempDir()
	for range 5 {
		dir = filepath.Join(dir, strings.Repeat("d", 40))
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var first string
	for life := range 2 {
		l, err := runner.Listen(filepath.Join(dir, "channel.sock"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error, 1)
		go func() { ran <- l.Run(ctx) }()
		if life == 0 {
			first = l.Path()
		} else if l.Path() != first {
			t.Errorf("the path changed from %s to %s", first, l.Path())
		}
		key := runner.NewKey()
		s := runner.NewSession(runner.SessionConfig{Key: key})
		l.Expect(s)
		raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		raw.Close()
		s.Close()
		if life == 1 {
			cancel()
			if err := <-ran; err != nil {
				t.Error(err)
			}
			break
		}
		// A killed Hub leaves socket and link behind.
		link := filepath.Dir(l.Path())
		target, err := os.Readlink(link)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		<-ran
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
	}
	private, err := os.ReadDir(filepath.Dir(filepath.Dir(first)))
	if err != nil || len(private) != 0 {
		t.Errorf("left behind: %v, %v", private, err)
	}
}

func TestLongPathRefusesAFolderOfOthers(t *testing.T) {
	tmp, err := os.MkdirTemp("/tmp", "wr")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	t.Setenv("TMPDIR", tmp)
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := runner.Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	private := filepath.Dir(filepath.Dir(l.Path()))
	l.Close()
	if err := os.Chmod(private, 0o777); err != nil {
		t.Fatal(err)
	}
	if l, err := runner.Listen(filepath.Join(dir, "s")); err == nil {
		l.Close()
		t.Error("a folder that others can write to was used")
	}
}

// closedUnheard dials and tells whether the Hub hangs up without a word.
func closedUnheard(t *testing.T, path string, say []byte) {
	t.Helper()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(say); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	p, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the Hub does not hang up")
	}
	if len(p) != 0 {
		t.Errorf("the Hub says %q", p)
	}
}

func TestStrangersAreHungUpOn(t *testing.T) {
	l, err := runner.Listen(filepath.Join(t.TempDir(), "channel.sock"))
	if err != nil {
		t.Fatal(err)
	}
	runner.SetHelloTimeout(l, 50*time.Millisecond)
	run(t, l)
	s := runner.NewSession(runner.SessionConfig{Key: "secret"})
	defer s.Close()
	l.Expect(s)
	nobody := runner.NewSession(runner.SessionConfig{})
	defer nobody.Close()
	l.Expect(nobody)
	frame := func(h runner.Header, body string) []byte {
		h.Length = uint32(len(body))
		return append(h.Append(nil), body...)
	}
	hello := runner.Header{Type: runner.FrameHello}
	for name, say := range map[string][]byte{
		"unknown key":   frame(hello, `{"version":1,"key":"guess","messages":{"next":1}}`),
		"no key":        frame(hello, `{"version":1,"messages":{"next":1}}`),
		"not a hello":   frame(runner.Header{Type: runner.FrameData, Stream: 2}, "x"),
		"not JSON":      frame(hello, "{"),
		"HTTP":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"silence":       nil,
		"half a header": {1, 0, 0},
		"half a hello":  frame(hello, `{"version":1}`)[:20],
		"hello too big": runner.Header{Type: runner.FrameHello, Length: 1 << 20}.Append(nil),
	} {
		t.Run(name, func(t *testing.T) { closedUnheard(t, l.Path(), say) })
	}
	select {
	case <-s.Connected():
		t.Error("a stranger was welcomed")
	case <-nobody.Connected():
		t.Error("a Session without a key took a runner")
	default:
	}
	l.Forget(s)
	closedUnheard(t, l.Path(), frame(hello, `{"version":1,"key":"secret","messages":{"next":1}}`))
}

func TestSilentStrangersDoNotKeepRunnersOut(t *testing.T) {
	b := newBench(t)
	for range 100 {
		conn, err := net.Dial("unix", b.l.Path())
		b.ok(err)
		defer conn.Close()
	}
	b.raw()
}

func TestRunEndsWithItsContext(t *testing.T) {
	l, err := runner.Listen(filepath.Join(t.TempDir(), "channel.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- l.Run(ctx) }()
	key := runner.NewKey()
	s := runner.NewSession(runner.SessionConfig{Key: key})
	defer s.Close()
	l.Expect(s)
	raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	cancel()
	if err := <-ran; err != nil {
		t.Error(err)
	}
	if _, _, err := raw.Next(); err == nil {
		t.Error("the connection outlives Run")
	}
	// The Session goes on with another Listener at the same place.
	l, err = runner.Listen(l.Path())
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	l.Expect(s)
	again, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
