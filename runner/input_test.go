package runner_test

import (
	"bufio"
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

// The server of net/http reads bodies through a small buffer.
func TestReadFromTakesLargePiecesOfAFastBody(t *testing.T) {
	const size = 4 << 20
	b := newBench(t)
	r := b.runner()
	body := &countedReader{Reader: bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", size)), 4<<10)}
	go func() {
		if n, err := b.s.Input().ReadFrom(b.ctx, body); n != size || err != nil {
			t.Errorf("ReadFrom = %d, %v", n, err)
		}
		b.s.Input().End(b.ctx)
	}()
	n, err := io.Copy(io.Discard, r)
	b.ok(err)
	if n != size {
		t.Errorf("the runner got %d bytes", n)
	}
	if body.reads > 100 {
		t.Errorf("%d bytes were read in %d pieces", size, body.reads)
	}
}

type countedReader struct {
	io.Reader
	reads int
}

func (r *countedReader) Read(p []byte) (int, error) {
	r.reads++
	return r.Reader.Read(p)
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
	// A message does not wait for input; END waits for the bytes before it.
	var types []runner.FrameType
	messages := 0
	for messages == 0 || len(types) < 2 {
		h, _, err := raw.Next()
		b.ok(err)
		if h.Type == runner.FrameMessage {
			messages++
		} else {
			types = append(types, h.Type)
		}
	}
	if messages != 1 || fmt.Sprint(types) != "[DATA END]" {
		t.Errorf("%d messages, frames %v", messages, types)
	}
}
