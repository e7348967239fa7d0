package runner_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waverider/runner"
	"waverider/runner/runnertest"
)

// cutConn breaks after a number of bytes in either direction, wherever in a
// frame that is.
type cutConn struct {
	net.Conn
	in, out atomic.Int64
}

func (c *cutConn) Read(p []byte) (int, error) {
	left := c.in.Load()
	if left <= 0 {
		c.Close()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), left)])
	c.in.Add(int64(-n))
	return n, err
}

func (c *cutConn) Write(p []byte) (int, error) {
	part := p[:max(0, min(int64(len(p)), c.out.Load()))]
	n, err := c.Conn.Write(part)
	c.out.Add(int64(-n))
	if err == nil && len(part) < len(p) {
		c.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}

// cutter wraps the first n connections so that they break at random places,
// sometimes already in the greeting.
func cutter(rnd *rand.Rand, n int, most int64) func(net.Conn) net.Conn {
	var mu sync.Mutex
	return func(conn net.Conn) net.Conn {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return conn
		}
		c := &cutConn{Conn: conn}
		c.in.Store(rnd.Int64N(most))
		c.out.Store(rnd.Int64N(most))
		return c
	}
}

// sizedReader returns pieces of random sizes.
type sizedReader struct {
	io.Reader
	rnd *rand.Rand
	max int
}

func (r *sizedReader) Read(p []byte) (int, error) {
	return r.Reader.Read(p[:min(len(p), 1+r.rnd.IntN(r.max))])
}

// TestCutsLoseAndDoubleNothing breaks the channel at random bytes of both
// directions under traffic of numbered bytes and messages.
func TestCutsLoseAndDoubleNothing(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { cutSession(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func cutSession(t *testing.T, rnd *rand.Rand) {
	const count = 2000
	b := newBench(t)
	piece := 1 << (4 + rnd.IntN(14))
	size := min(3<<20, int64(piece)<<14)
	b.s.Output().SetWindow(1 << (10 + rnd.IntN(12)))
	wrap := cutter(rnd, 40, 1<<(12+rnd.IntN(6)))
	source := &sizedReader{&patternReader{n: size}, rand.New(rand.NewPCG(rnd.Uint64(), 2)), piece}
	r := runnertest.New(runnertest.Config{
		Path: b.l.Path(), Key: b.key, Window: 1 << (10 + rnd.IntN(12)),
		Retry: 100 * time.Microsecond, Wrap: wrap,
	})
	defer r.Close()
	var all sync.WaitGroup
	work := func(what string, f func() error) {
		all.Go(func() {
			if err := f(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	defer all.Wait()
	work("echo", r.Echo)
	work("write", func() error {
		if n, err := b.s.Input().ReadFrom(b.ctx, source); n != size || err != nil {
			return fmt.Errorf("%d, %w", n, err)
		}
		return b.s.Input().End(b.ctx)
	})
	work("send", func() error { return sendNumbered(b, count) })
	work("receive", func() error { return receiveNumbered(b, count) })
	work("runner sends", func() error {
		for i := range count {
			if err := r.Send("n", map[string]any{"i": i}); err != nil {
				return err
			}
		}
		return r.Flushed()
	})
	work("runner receives", func() error { return runnerReceives(r, count) })
	c := &checker{TB: t}
	b.readAll(c.check)
	if c.at != size {
		t.Errorf("%d bytes of %d", c.at, size)
	}
	b.ok(r.Drain())
	if r.Connections() < 5 {
		t.Errorf("only %d connections: the test did not cut", r.Connections())
	}
	var broken *runner.ProtocolError
	if err := b.s.LastError(); errors.As(err, &broken) {
		t.Errorf("a rule was broken: %v", err)
	}
}

type numbered struct {
	I int `json:"i"`
}

func sendNumbered(b *bench, count int) error {
	for i := range count {
		if err := b.s.Send(b.ctx, "n", numbered{i}); err != nil {
			return err
		}
	}
	return nil
}

// receiveNumbered wants each message once and in order.
func receiveNumbered(b *bench, count int) error {
	for i := range count {
		m, err := b.s.Receive(b.ctx)
		if err != nil {
			return err
		}
		var n numbered
		if err := m.Decode(&n); err != nil || n.I != i || m.Type != "n" {
			return fmt.Errorf("message %d is %s %s", i, m.Type, m.Data)
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, time.Millisecond)
	defer cancel()
	_, err := b.s.Receive(ctx) // acks the last one
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return fmt.Errorf("one too many: %v", err)
}

// runnerReceives wants each message in order; one that was handled just
// before a cut may not come again either, for the fake counts it as handled.
func runnerReceives(r *runnertest.Runner, count int) error {
	for i := range count {
		m, err := r.Receive()
		if err != nil {
			return err
		}
		var n numbered
		if err := m.Decode(&n); err != nil || n.I != i {
			return fmt.Errorf("message %d is %s", i, m.Data)
		}
	}
	return nil
}
