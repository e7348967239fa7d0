package runner_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
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

func TestWriteWaitsForCredit(t *testing.T) {
	b := newBench(t)
	raw, err := runnertest.DialRaw(b.l.Path(), runner.Hello{Key: b.key, Input: runner.HelloInput{Limit: 10}})
	b.ok(err)
	defer raw.Close()
	ctx, cancel := context.WithCancel(b.ctx)
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := b.s.Input().Write(ctx, []byte("0123456789abcdef"))
		done <- result{n, err}
	}()
	_, p, err := raw.Next()
	b.ok(err)
	if string(p) != "0123456789" {
		t.Fatalf("sent %q with a credit of 10", p)
	}
	b.ok(raw.Window(10, 12))
	if _, p, err = raw.Next(); string(p) != "ab" {
		t.Fatalf("sent %q with 2 more, %v", p, err)
	}
	cancel()
	if r := <-done; r.n != 12 || !errors.Is(r.err, context.Canceled) {
		t.Errorf("Write = %d, %v", r.n, r.err)
	}
	if got := b.s.Input().Accepted(); got != 12 {
		t.Errorf("Accepted = %d", got)
	}
}

func TestNobodyWaitsForARunnerThatDoesNotRead(t *testing.T) {
	b := newBench(t)
	raw := b.raw() // reads nothing: the socket is full soon
	p := make([]byte, runner.InputWindow)
	if n, err := b.s.Input().Write(b.ctx, p); n != len(p) || err != nil {
		t.Fatalf("Write = %d, %v", n, err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Millisecond)
	defer cancel()
	if n, err := b.s.Input().Write(ctx, p); n != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write without credit = %d, %v", n, err)
	}
	b.ok(b.s.Send(b.ctx, "stop", nil)) // not lost behind the bytes
	got := 0
	for stop := false; got < len(p) || !stop; {
		h, body, err := raw.Next()
		b.ok(err)
		if h.Type == runner.FrameMessage {
			stop = true
		} else {
			got += len(body)
		}
	}
}

func TestConcurrentWritesDoNotMix(t *testing.T) {
	b := newBench(t)
	r := b.runner(func(c *runnertest.Config) { c.Window = 1000 })
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			line := strings.Repeat(string(rune('a'+i)), 3000) + "\n"
			for range 20 {
				if _, err := b.s.Input().Write(b.ctx, []byte(line)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	go func() {
		all.Wait()
		b.s.Input().End(b.ctx)
	}()
	text, err := io.ReadAll(r)
	b.ok(err)
	lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	for _, line := range lines {
		if len(line) != 3000 || len(bytes.Trim(line, string(line[:1]))) != 0 {
			t.Fatalf("lines are mixed: %.20q… (%d bytes)", line, len(line))
		}
	}
	if len(lines) != 80 {
		t.Errorf("%d lines", len(lines))
	}
}

func TestReadFromSendsWhatWasReadBeforeAnError(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	broken := errors.New("broken")
	n, err := b.s.Input().ReadFrom(b.ctx, io.MultiReader(strings.NewReader("half"), errReader{broken}))
	if n != 4 || err != broken {
		t.Errorf("ReadFrom = %d, %v", n, err)
	}
	p := make([]byte, 10)
	m, err := r.Read(p)
	b.ok(err)
	if string(p[:m]) != "half" {
		t.Errorf("runner got %q", p[:m])
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func TestFlushWaitsUntilTheProcessHasTheBytes(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.write("abcd")
	flushed := make(chan error, 1)
	go func() { flushed <- b.s.Input().Flush(b.ctx) }()
	b.ok(raw.Window(3, 4<<20))
	for b.s.Input().Received() != 3 {
		runtime.Gosched()
	}
	select {
	case err := <-flushed:
		t.Fatalf("Flush returned before all was acked: %v", err)
	default:
	}
	b.ok(raw.Window(4, 4<<20))
	b.ok(<-flushed)
}

func TestInputEndsOnce(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.write("x")
	b.ok(b.s.Input().End(b.ctx))
	b.ok(b.s.Input().End(b.ctx))
	if _, err := b.s.Input().Write(b.ctx, []byte("y")); !errors.Is(err, runner.ErrEnded) {
		t.Errorf("Write after End: %v", err)
	}
	if !b.s.Input().Ended() {
		t.Error("not Ended")
	}
	b.ok(b.s.Send(b.ctx, "kill", nil))
	var types []runner.FrameType
	for len(types) < 3 {
		h, _, err := raw.Next()
		b.ok(err)
		types = append(types, h.Type)
	}
	if fmt.Sprint(types) != "[DATA END MESSAGE]" {
		t.Errorf("frames %v", types)
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

func TestEndIsAckedByAckEndOnly(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("all")))
	b.ok(raw.Send(runner.FrameEnd, runner.StreamOutput, 3, nil))
	b.read(3)
	if _, err := b.s.Output().Next(b.ctx); err != io.EOF {
		t.Fatalf("Next at the end: %v", err)
	}
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
