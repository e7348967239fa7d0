package link_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waverider/link"
)

// gate is a connection whose writes wait while it is shut.
type gate struct {
	net.Conn
	mu     sync.Mutex
	opened chan struct{} // closed while it is open
	closed chan struct{}
	once   sync.Once
	held   atomic.Int32 // writes that wait
}

func newGate(c net.Conn) *gate {
	g := &gate{Conn: c, opened: make(chan struct{}), closed: make(chan struct{})}
	close(g.opened)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.opened = make(chan struct{})
}

func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.opened)
}

func (g *gate) Write(p []byte) (int, error) {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	select {
	case <-opened:
		return g.Conn.Write(p)
	default:
	}
	g.held.Add(1)
	defer g.held.Add(-1)
	select {
	case <-opened:
	case <-g.closed:
		return 0, net.ErrClosed
	}
	return g.Conn.Write(p)
}

func (g *gate) Close() error {
	g.once.Do(func() { close(g.closed) })
	return g.Conn.Close()
}

// slow is a line of some 20 MB/s.
type slow struct{ net.Conn }

func (s slow) Write(p []byte) (int, error) {
	time.Sleep(time.Duration(len(p)) * 50)
	return s.Conn.Write(p)
}

// gated is a Space whose connections are gates.
func gated(t *testing.T, h link.Handlers) (*space, chan *gate) {
	gates := make(chan *gate, 4)
	return newSpaceBehind(t, h, func(c net.Conn) net.Conn {
		g := newGate(c)
		gates <- g
		return g
	}), gates
}

// reader answers a stream that the other side has opened.
func reader(got chan<- []byte) link.Handlers {
	return link.Handlers{Topic: func(_ context.Context, c *link.Stream) {
		all, err := io.ReadAll(c)
		if err != nil {
			all = []byte(err.Error())
		}
		got <- all
	}}
}

func TestTheEndOfAStreamComesBehindItsBytes(t *testing.T) {
	s, gates := gated(t, link.Handlers{})
	got := make(chan []byte, 1)
	_, here := s.join(t, reader(got), nil)
	g := <-gates
	c, err := here.Open(t.Context(), link.KindTopic)
	if err != nil {
		t.Fatal(err)
	}
	g.shut()
	want := bytes.Repeat([]byte("0123456789"), 10_000)
	if _, err := c.Write(want); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	g.open()
	if all := <-got; !bytes.Equal(all, want) {
		t.Fatalf("%d bytes came, of %d", len(all), len(want))
	}
}

// Many streams write pieces of random sizes, pause in between so that they are
// classed anew, and are closed while much of them waits. Each must come whole.
func TestStreamsKeepTheirOrderInAllClasses(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			link.SetShortAgain(t, 0) // each write may class anew
			s := newSpaceBehind(t, link.Handlers{}, func(c net.Conn) net.Conn { return slow{c} })
			const streams = 24
			results := make(chan error, streams)
			check := func(c net.Conn) { results <- checkNumbers(c) }
			_, here := s.joinAnd(t, func(ctx context.Context, hub *link.Session) error {
				var conns sync.WaitGroup
				defer conns.Wait()
				conns.Go(func() {
					for {
						c, err := hub.HTTP().Accept()
						if err != nil {
							return
						}
						conns.Go(func() { defer c.Close(); check(c) })
					}
				})
				return hub.Run(ctx, link.Handlers{Topic: func(_ context.Context, c *link.Stream) { check(c) }})
			})
			var writers sync.WaitGroup
			for i := range streams {
				kind := link.KindHTTP
				if i%3 == 0 {
					kind = link.KindTopic
				}
				writers.Go(func() {
					r := rand.New(rand.NewPCG(seed, uint64(i)))
					c, err := here.Open(t.Context(), kind)
					if err == nil {
						err = writeNumbers(c, r)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			writers.Wait()
			for range streams {
				if err := <-results; err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// writeNumbers writes how many numbers come, then those, and closes.
func writeNumbers(c *link.Stream, r *rand.Rand) error {
	n := 20_000 + r.IntN(60_000)
	all := binary.BigEndian.AppendUint32(nil, uint32(n))
	for i := range n {
		all = binary.BigEndian.AppendUint32(all, uint32(i))
	}
	for len(all) > 0 {
		size := 1 + r.IntN(200)
		if r.IntN(3) == 0 {
			size = 1 + r.IntN(100_000)
		}
		size = min(size, len(all))
		if _, err := c.Write(all[:size]); err != nil {
			return err
		}
		all = all[size:]
	}
	return c.Close()
}

func checkNumbers(c net.Conn) error {
	all, err := io.ReadAll(c)
	if err != nil {
		return err
	}
	if len(all) < 4 {
		return errors.New("nothing came")
	}
	n, all := int(binary.BigEndian.Uint32(all)), all[4:]
	if len(all) != 4*n {
		return fmt.Errorf("%d bytes came, of %d", len(all), 4*n)
	}
	for i := range n {
		if got := binary.BigEndian.Uint32(all[4*i:]); got != uint32(i) {
			return fmt.Errorf("number %d came in the place of %d", got, i)
		}
	}
	return nil
}
