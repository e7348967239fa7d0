package runner_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

func TestBytesComeBackFromAnEcho(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	echoed := make(chan error, 1)
	go func() { echoed <- r.Echo() }()
	const size = 20 << 20
	b.s.Output().SetWindow(1 << 20)
	wrote := make(chan error, 1)
	go func() { wrote <- writeFrom(b.ctx, b.s.Input(), 0, size) }()
	c := &checker{TB: t}
	b.readAll(c.check)
	if c.at != size {
		t.Fatalf("%d bytes came back of %d", c.at, size)
	}
	b.ok(<-wrote)
	b.ok(<-echoed)
	b.ok(r.Drain())
}

func TestHelloIsShownWithoutItsKey(t *testing.T) {
	b := newBench(t)
	b.runner(func(c *runnertest.Config) { c.Language = "node"; c.Instance = "i1" })
	if h := b.s.Hello(); h.Key != "" || h.Language != "node" || h.Instance != "i1" || h.PID == 0 {
		t.Errorf("%+v", h)
	}
}

func TestOutputIsAckedSoonAndNotEachTime(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	acked := make(chan uint64, 1000)
	go func() {
		defer close(acked)
		for {
			h, _, err := raw.Next()
			if err != nil {
				return
			}
			acked <- h.Number
		}
	}()
	start := time.Now()
	for i := range uint64(100) {
		b.ok(raw.Send(runner.FrameData, runner.StreamOutput, i*100, make([]byte, 100)))
		b.read(100)
	}
	windows := 0
	for n := range acked {
		windows++
		if n == 10_000 {
			break
		}
	}
	// 10,000 bytes are less than a quarter of the window: only time sends acks.
	if most := 1 + int(time.Since(start)/runner.AckDelay); windows > most {
		t.Errorf("%d WINDOW frames in %v", windows, time.Since(start))
	}
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 10_000, make([]byte, 16<<10)))
	b.read(16 << 10)
	if n := <-acked; n != 10_000+16<<10 {
		t.Errorf("ack of a quarter says %d", n)
	}
}

func TestAnAckAfterAPauseIsSentAtOnce(t *testing.T) {
	b := newBench(t)
	runner.SetAckDelay(b.s, time.Hour) // only what does not wait for it comes
	raw := b.raw()
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("line\n")))
	b.read(5)
	h, _, err := raw.Next()
	b.ok(err)
	if h.Type != runner.FrameWindow || h.Number != 5 {
		t.Errorf("got %+v", h)
	}
}

func TestEndIsAckedByAckEndOnly(t *testing.T) {
	b := newBench(t)
	runner.SetAckDelay(b.s, time.Hour) // nothing is sent only because time passes
	raw := b.raw()
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("all")))
	b.ok(raw.Send(runner.FrameEnd, runner.StreamOutput, 3, nil))
	c, err := b.s.Output().Next(b.ctx)
	b.ok(err)
	c.Release()
	if _, err := b.s.Output().Next(b.ctx); err != io.EOF {
		t.Fatalf("Next at the end: %v", err)
	}
	b.s.Output().Ack(3)
	b.s.Output().SetWindow(1 << 20) // would send a WINDOW
	b.ok(b.s.Send(b.ctx, "mark", nil))
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameMessage {
		t.Fatalf("%+v, %v before AckEnd", h, err)
	}
	b.s.Output().AckEnd()
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameWindow || h.Number != 3 {
		t.Fatalf("%+v, %v after AckEnd", h, err)
	}
	// A runner that missed it asks again.
	b.ok(raw.Send(runner.FrameEnd, runner.StreamOutput, 3, nil))
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameWindow || h.Number != 3 {
		t.Fatalf("%+v, %v after END came again", h, err)
	}
}

func TestCloseTakesInWhatADeadRunnerLeft(t *testing.T) {
	b := newBench(t)
	b.s.Output().SetWindow(1 << 20)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"failed","phase":"run"}`)))
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, bytes.Repeat([]byte("x"), 50_000)))
	// It dies within a frame.
	cut := runner.Header{Type: runner.FrameData, Stream: runner.StreamOutput, Length: 100_000, Number: 50_000}
	_, err := raw.Conn.Write(append(cut.Append(nil), make([]byte, 30_000)...))
	b.ok(err)
	raw.Conn.Close()
	b.ok(b.s.Close())
	got := 0
	for {
		c, err := b.s.Output().Next(b.ctx)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		b.ok(err)
		got += len(c.Data)
		c.Release()
	}
	if got != 80_000 {
		t.Errorf("%d bytes of 80,000", got)
	}
	if m, err := b.s.Receive(b.ctx); err != nil || m.Type != "failed" {
		t.Errorf("Receive = %v, %v", m, err)
	}
	if _, err := b.s.Receive(b.ctx); err != io.EOF {
		t.Errorf("Receive at the end: %v", err)
	}
}

func TestEveryBlockedCallReturnsAtTheEnd(t *testing.T) {
	for name, end := range map[string]struct {
		f          func(*runner.Session) error
		want       error
		next, recv error
	}{
		"close":  {(*runner.Session).Close, runner.ErrClosed, io.ErrUnexpectedEOF, io.EOF},
		"detach": {(*runner.Session).Detach, runner.ErrDetached, runner.ErrDetached, runner.ErrDetached},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			raw, err := runnertest.DialRaw(b.l.Path(), runner.Hello{Key: b.key, Input: runner.HelloInput{Limit: 1}})
			b.ok(err)
			defer raw.Close()
			for range runner.MaxMessages {
				b.ok(b.s.Send(b.ctx, "m", nil))
			}
			type result struct {
				what      string
				err, want error
			}
			results := make(chan result)
			blocked := map[string]func() (error, error){
				"Write": func() (error, error) { _, err := b.s.Input().Write(b.ctx, []byte("xy")); return err, end.want },
				"ReadFrom": func() (error, error) {
					_, err := b.s.Input().ReadFrom(b.ctx, strings.NewReader("xy"))
					return err, end.want
				},
				"Send":    func() (error, error) { return b.s.Send(b.ctx, "m", nil), end.want },
				"Next":    func() (error, error) { _, err := b.s.Output().Next(b.ctx); return err, end.next },
				"Receive": func() (error, error) { _, err := b.s.Receive(b.ctx); return err, end.recv },
			}
			for what, f := range blocked {
				go func() {
					err, want := f()
					results <- result{what, err, want}
				}()
			}
			// The one byte of credit is taken: Write and ReadFrom wait.
			for b.s.Input().Accepted() == 0 {
				runtime.Gosched()
			}
			raw.Conn.Close()
			b.ok(end.f(b.s))
			for range blocked {
				if r := <-results; !errors.Is(r.err, r.want) {
					t.Errorf("%s returned %v, not %v", r.what, r.err, r.want)
				}
			}
			b.ok(b.s.Close())
			b.ok(b.s.Detach())
			if err := b.s.Input().Flush(b.ctx); !errors.Is(err, end.want) {
				t.Errorf("Flush: %v", err)
			}
		})
	}
}

// TestDetachSendsTheLastAcks holds it to what the next Hub process relies on.
func TestDetachSendsTheLastAcks(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("0123456789")))
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"ready"}`)))
	b.read(7 + 3)
	_, err := b.s.Receive(b.ctx)
	b.ok(err)
	done := make(chan error, 1)
	go func() { done <- b.s.Detach() }()
	var acked uint64
	for {
		h, _, err := raw.Next()
		if err == io.EOF {
			break
		}
		b.ok(err)
		if h.Type == runner.FrameWindow && h.Stream == runner.StreamOutput {
			acked = h.Number
		}
	}
	// The Hub still listens: a runner in the middle of a write is not told
	// that the connection broke before it has read the acks.
	if _, err := raw.Conn.Write([]byte{0}); err != nil {
		t.Errorf("write at the end: %v", err)
	}
	raw.Conn.Close()
	b.ok(<-done)
	if acked != 10 {
		t.Errorf("the runner knows of %d acked bytes", acked)
	}
}

func TestIdleSessionIsSmall(t *testing.T) {
	const sessions, most = 100, 32 << 10
	l := listen(t)
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	all := make([]*runner.Session, sessions)
	for i := range all {
		key := runner.NewKey()
		all[i] = runner.NewSession(runner.SessionConfig{Key: key})
		l.Expect(all[i])
		raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key, Input: runner.HelloInput{Limit: 8 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		busy(t, all[i], raw)
		raw.Frames.Release()
	}
	per := (heap() - before) / sessions
	t.Logf("%d bytes per session", per)
	if per > most {
		t.Errorf("%d bytes per idle session, at most %d wanted", per, most)
	}
	if n := runtime.NumGoroutine() - goroutines; n > sessions+10 {
		t.Errorf("%d goroutines for %d sessions", n, sessions)
	}
	for _, s := range all {
		go s.Close()
	}
	for _, s := range all {
		s.Close()
	}
}

// busy has much go through a Session before it rests.
func busy(t *testing.T, s *runner.Session, raw *runnertest.Raw) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s.Output().SetWindow(1 << 20)
	const size = 300 << 10
	go raw.Send(runner.FrameData, runner.StreamOutput, 0, make([]byte, size))
	for got := 0; got < size; {
		c, err := s.Output().Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got += len(c.Data)
		s.Output().Ack(uint64(got))
		c.Release()
	}
	wrote := make(chan error, 1)
	go func() {
		_, err := s.Input().ReadFrom(ctx, &patternReader{n: size})
		wrote <- err
	}()
	for got := 0; got < size; {
		h, p, err := raw.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Type == runner.FrameData {
			got += len(p)
		}
	}
	if err := <-wrote; err != nil {
		t.Fatal(err)
	}
	if err := raw.Window(size, 8<<20); err != nil {
		t.Fatal(err)
	}
	if err := s.Input().Flush(ctx); err != nil {
		t.Fatal(err)
	}
}
