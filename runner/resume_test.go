package runner_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// checker fails on the first byte of a Pattern that is not in its place.
type checker struct {
	testing.TB
	at int64
}

func (c *checker) check(offset uint64, p []byte) {
	c.Helper()
	want := make([]byte, len(p))
	runnertest.Pattern(want, c.at)
	if offset != uint64(c.at) || !bytes.Equal(p, want) {
		c.Fatalf("wrong bytes at %d (offset %d, %d bytes)", c.at, offset, len(p))
	}
	c.at += int64(len(p))
}

// TestHubRestartsGoOnWhereTheRunnerIs replaces the Session again and again, as
// new Hub processes would, under a runner that echoes.
func TestHubRestartsGoOnWhereTheRunnerIs(t *testing.T) {
	const size = 4 << 20
	rnd := rand.New(rand.NewPCG(7, 7))
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path := filepath.Join(t.TempDir(), "channel.sock")
	key := runner.NewKey()
	r := runnertest.New(runnertest.Config{Path: path, Key: key, Window: 256 << 10, Retry: time.Millisecond})
	defer r.Close()
	echoed := make(chan error, 1)
	go func() { echoed <- r.Echo() }()

	got := &checker{TB: t}
	for life := 0; got.at < size; life++ {
		l, err := runner.Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		ran := make(chan error, 1)
		go func() { ran <- l.Run(ctx) }()
		s := runner.NewSession(runner.SessionConfig{Key: key, Resume: life > 0})
		s.Output().SetWindow(1 << (12 + rnd.IntN(8)))
		l.Expect(s)
		select {
		case <-s.Connected():
		case <-ctx.Done():
			t.Fatal("the runner did not come back")
		}
		// A new Hub has nothing of the input but what the runner has.
		from := int64(s.Input().Accepted())
		wrote := make(chan error, 1)
		go func() {
			wrote <- writeFrom(ctx, s.Input(), from, size)
		}()
		until := got.at + 1 + rnd.Int64N(size/5)
		ended := false
		for got.at < until && !ended {
			c, err := s.Output().Next(ctx)
			if errors.Is(err, io.EOF) {
				ended = true
				s.Output().AckEnd()
				break
			} else if err != nil {
				t.Fatal(err)
			}
			got.check(c.Offset, c.Data)
			s.Output().Ack(c.Offset + uint64(len(c.Data)))
			c.Release()
		}
		if ended {
			if err := r.Drain(); err != nil {
				t.Fatal(err)
			}
		}
		s.Detach()
		if err := <-wrote; err != nil && !errors.Is(err, runner.ErrDetached) {
			t.Fatal(err)
		}
		if _, err := s.Output().Next(ctx); !errors.Is(err, runner.ErrDetached) {
			t.Errorf("Next after Detach: %v", err)
		}
		l.Close()
		if err := <-ran; err != nil {
			t.Fatal(err)
		}
	}
	if got.at != size {
		t.Errorf("%d bytes of %d", got.at, size)
	}
	if r.Connections() < 5 {
		t.Errorf("only %d lives", r.Connections())
	}
	if err := <-echoed; err != nil {
		t.Error(err)
	}
}

func writeFrom(ctx context.Context, in *runner.Input, from, size int64) error {
	_, err := in.ReadFrom(ctx, &patternReader{at: from, n: size})
	if errors.Is(err, runner.ErrEnded) && from == size {
		return nil // an earlier Hub's END
	} else if err != nil {
		return err
	}
	return in.End(ctx)
}

// TestNewerConnectionReplacesTheOlder says hello a second time while the first
// connection is alive, as a runner does whose end broke unnoticed.
func TestNewerConnectionReplacesTheOlder(t *testing.T) {
	b := newBench(t)
	first := b.raw()
	b.write("abc")
	h, p, err := first.Next()
	b.ok(err)
	if h.Number != 0 || string(p) != "abc" {
		t.Fatalf("%+v %q", h, p)
	}
	b.ok(first.Send(runner.FrameData, runner.StreamOutput, 0, []byte("old")))
	if got := b.read(3); got != "old" {
		t.Fatalf("output %q", got)
	}
	second, err := runnertest.DialRaw(b.l.Path(), runner.Hello{
		Key:   b.key,
		Input: runner.HelloInput{Received: 1, Limit: 4 << 20}, Output: runner.HelloOutput{Next: 3},
	})
	b.ok(err)
	defer second.Close()
	if second.Welcome.Output.Received != 3 || second.Welcome.Input.Acked != 1 {
		t.Errorf("WELCOME %+v", second.Welcome)
	}
	if _, _, err := first.Next(); err == nil {
		// The ack of "old" may still have come; then the end.
		if _, _, err = first.Next(); err == nil {
			t.Error("the older connection lives on")
		}
	}
	var input []byte
	for len(input) < 2 {
		h, p, err := second.Next()
		b.ok(err)
		if h.Type == runner.FrameData {
			if h.Number != 1+uint64(len(input)) {
				t.Fatalf("input goes on at %d", h.Number)
			}
			input = append(input, p...)
		}
	}
	if string(input) != "bc" {
		t.Errorf("input %q", input)
	}
	if err := b.s.LastError(); err != nil {
		t.Errorf("LastError: %v", err)
	}
}

// TestAcksGivenWhileAwayAreTold acks output, a message and END between two
// connections.
func TestAcksGivenWhileAwayAreTold(t *testing.T) {
	b := newBench(t)
	raw := b.raw()
	b.ok(raw.Send(runner.FrameMessage, 0, 1, []byte(`{"type":"completed"}`)))
	b.ok(raw.Send(runner.FrameData, runner.StreamOutput, 0, []byte("all")))
	b.ok(raw.Send(runner.FrameEnd, runner.StreamOutput, 3, nil))
	raw.Close()
	for b.s.Live() {
		runtime.Gosched()
	}
	_, err := b.s.Receive(b.ctx)
	b.ok(err)
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.s.Receive(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	b.readAll(func(uint64, []byte) {})
	again, err := runnertest.DialRaw(b.l.Path(), runner.Hello{
		Key: b.key, Output: runner.HelloOutput{Next: 3, Ended: true}})
	b.ok(err)
	defer again.Close()
	if w := again.Welcome; w.Output.Received != 3 || w.Messages.Received != 1 {
		t.Errorf("WELCOME %+v", w)
	}
	told := map[uint16]uint64{}
	for len(told) < 2 {
		h, _, err := again.Next()
		b.ok(err)
		if h.Type != runner.FrameWindow {
			t.Fatalf("%+v", h)
		}
		told[h.Stream] = h.Number
	}
	if told[runner.StreamControl] != 1 || told[runner.StreamOutput] != 3 {
		t.Errorf("told %v", told)
	}
}
