package runner_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// TestFloodOfMessagesStaysInTheSocket sends messages nobody handles: the Hub
// takes 1,024 and stops reading.
func TestFloodOfMessagesStaysInTheSocket(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	sent := make(chan uint64, 1)
	go func() {
		for i := uint64(1); ; i++ {
			raw.Conn.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
			if err := raw.Send(runner.FrameMessage, 0, i, []byte(`{"type":"flood"}`)); err != nil {
				sent <- i - 1
				return
			}
		}
	}()
	n := <-sent
	if n < runner.MaxMessages {
		t.Fatalf("only %d messages went out", n)
	}
	for i := range n {
		m, err := b.s.Receive(b.ctx)
		b.ok(err)
		if m.Number != i+1 {
			t.Fatalf("message %d comes as number %d", i+1, m.Number)
		}
	}
	// What was not handled cannot have been read: the socket holds some
	// hundred KiB.
	t.Logf("%d messages taken before the socket was full", n)
	if n > 64<<10 {
		t.Errorf("%d messages taken though none was handled", n)
	}
}

func TestLargeMessagesAreBounded(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	const size = 9 << 20
	go func() {
		body := []byte(`{"type":"big","x":"` + strings.Repeat("y", size) + `"}`)
		for i := range uint64(4) {
			if raw.Send(runner.FrameMessage, 0, i+1, body) != nil {
				return
			}
		}
	}()
	for i := range 4 {
		m, err := b.s.Receive(b.ctx)
		b.ok(err)
		if m.Type != "big" || len(m.Data) < size {
			t.Fatalf("message %d: %s of %d bytes", i, m.Type, len(m.Data))
		}
	}
	if err := b.s.Send(b.ctx, "big", map[string]string{"x": strings.Repeat("y", runner.MaxLength)}); err == nil {
		t.Error("Send took a message over the limit")
	}
}

func TestSendBlocksWhenNothingIsAcked(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	for range runner.MaxMessages {
		b.ok(b.s.Send(b.ctx, "m", map[string]any{"n": 1}))
	}
	ctx, cancel := context.WithTimeout(b.ctx, 10*time.Millisecond)
	defer cancel()
	if err := b.s.Send(ctx, "m", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("one more: %v", err)
	}
	for i := range runner.MaxMessages {
		h, body, err := raw.Next()
		b.ok(err)
		if h.Number != uint64(i+1) || string(body) != `{"type":"m","n":1}` {
			t.Fatalf("message %d is %s", h.Number, body)
		}
	}
	b.ok(raw.Send(runner.FrameWindow, 0, 1, nil))
	b.ok(b.s.Send(b.ctx, "last", nil))
	if _, body, err := raw.Next(); err != nil || string(body) != `{"type":"last"}` {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSendTakesObjectsOnly(t *testing.T) {
	b := newBench(t)
	for _, v := range []any{[]int{1}, "text", 7, make(chan int)} {
		if err := b.s.Send(b.ctx, "m", v); err == nil {
			t.Errorf("%T was taken", v)
		}
	}
	b.ok(b.s.Send(b.ctx, "m", (*numbered)(nil)))
	b.ok(b.s.Send(b.ctx, "m", struct{}{}))
}

func TestMessagesAreAckedByTheNextReceive(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"save","id":1,"state":{}}`)))
	m, err := b.s.Receive(b.ctx)
	b.ok(err)
	var v struct{ ID int }
	if err := m.Decode(&v); err != nil || v.ID != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	b.ok(b.s.Send(b.ctx, "saved", map[string]int{"id": 1}))
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameMessage {
		t.Fatalf("%+v, %v: acked before it was handled", h, err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	next := make(chan error, 1)
	go func() {
		_, err := b.s.Receive(ctx)
		next <- err
	}()
	if h, _, err := raw.Next(); err != nil || h.Type != runner.FrameWindow || h.Stream != 0 || h.Number != 1 {
		t.Errorf("%+v, %v", h, err)
	}
	cancel()
	if err := <-next; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestHugeLengthTakesNoMemory announces a message of 16 MiB many times over
// and sends a few bytes of each.
func TestHugeLengthTakesNoMemory(t *testing.T) {
	const sessions = 50
	l := listen(t)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range sessions {
		key := runner.NewKey()
		s := runner.NewSession(runner.SessionConfig{Key: key})
		l.Expect(s)
		raw, err := runnertest.DialRaw(l.Path(), runner.Hello{Key: key})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		defer raw.Close()
		// A whole message after which we know that the Hub has read so far,
		// then the beginning of a huge one.
		h := runner.Header{Type: runner.FrameMessage, Length: runner.MaxLength, Number: 2}
		if err := raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"x"}`)); err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Conn.Write(append(h.Append(nil), make([]byte, 1000)...)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if per := int64(after.HeapAlloc-before.HeapAlloc) / sessions; per > 200<<10 {
		t.Errorf("%d bytes for each announced message", per)
	}
}
