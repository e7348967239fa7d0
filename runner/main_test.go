package runner_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider/runner"
	"waverider/runner/runnertest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(runners())
		os.Exit(code)
	}))
}

// bench is a Listener with a Session and the runner at its other end.
type bench struct {
	testing.TB
	ctx context.Context
	l   *runner.Listener
	s   *runner.Session
	key string
}

func newBench(t testing.TB) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	b := &bench{TB: t, ctx: ctx, l: listen(t), key: runner.NewKey()}
	b.s = runner.NewSession(runner.SessionConfig{Key: b.key})
	b.l.Expect(b.s)
	t.Cleanup(func() {
		b.s.Close()
		cancel()
	})
	return b
}

func listen(t testing.TB) *runner.Listener {
	t.Helper()
	l, err := runner.Listen(filepath.Join(t.TempDir(), "channel.sock"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, l)
	return l
}

func run(t testing.TB, l *runner.Listener) {
	ran := make(chan error, 1)
	go func() { ran <- l.Run(context.Background()) }()
	t.Cleanup(func() {
		l.Close()
		if err := <-ran; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// runner starts a fake runner with the Session's key.
func (b *bench) runner(edit ...func(*runnertest.Config)) *runnertest.Runner {
	b.Helper()
	cfg := runnertest.Config{Path: b.l.Path(), Key: b.key}
	for _, f := range edit {
		f(&cfg)
	}
	r := runnertest.New(cfg)
	b.Cleanup(func() { r.Close() })
	b.wait(b.s.Connected())
	return r
}

// raw connects a test that speaks frames itself.
func (b *bench) raw() *runnertest.Raw {
	b.Helper()
	raw, err := runnertest.DialRaw(b.l.Path(), runner.Hello{Key: b.key})
	b.ok(err)
	b.Cleanup(func() { raw.Close() })
	return raw
}

func (b *bench) wait(ch <-chan struct{}) {
	b.Helper()
	select {
	case <-ch:
	case <-b.ctx.Done():
		b.Fatal("waited in vain")
	}
}

func (b *bench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(p string) {
	b.Helper()
	if _, err := b.s.Input().Write(b.ctx, []byte(p)); err != nil {
		b.Fatal(err)
	}
}

// read reads n bytes of output, and acks them.
func (b *bench) read(n int) string {
	b.Helper()
	var got []byte
	for len(got) < n {
		c, err := b.s.Output().Next(b.ctx)
		b.ok(err)
		got = append(got, c.Data...)
		b.s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
	return string(got)
}

// readAll reads output to its end and acks END.
func (b *bench) readAll(each func(offset uint64, p []byte)) {
	b.Helper()
	for {
		c, err := b.s.Output().Next(b.ctx)
		if errors.Is(err, io.EOF) {
			b.s.Output().AckEnd()
			return
		}
		b.ok(err)
		each(c.Offset, c.Data)
		b.s.Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
}

// patternReader reads n bytes of runnertest.Pattern.
type patternReader struct{ at, n int64 }

func (r *patternReader) Read(p []byte) (int, error) {
	if r.at == r.n {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.n-r.at)]
	runnertest.Pattern(p, r.at)
	r.at += int64(len(p))
	return len(p), nil
}
