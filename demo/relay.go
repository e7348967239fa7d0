package demo

import (
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	dialPatience = 5 * time.Second // for the far end of a relay to answer
	carriedMost  = 64              // connections at a time, both ends counted
)

// relay is the way between edge and the Space: it carries bytes, until it is cut.
// While it is cut every connection, old or new, is reset. It knows nothing of
// what goes over it.
type relay struct {
	l  net.Listener
	to string
	wg sync.WaitGroup

	mu    sync.Mutex
	cut   bool
	since time.Time // of the state
	conns map[net.Conn]struct{}
}

// openRelay opens a way to an address.
func openRelay(to string) (*relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the way to the Space: %w", err)
	}
	r := &relay{l: l, to: to, since: time.Now(), conns: map[net.Conn]struct{}{}}
	r.wg.Go(r.serve)
	return r, nil
}

// addr is where it is entered.
func (r *relay) addr() string { return r.l.Addr().String() }

// state tells whether it is cut, and since when it is or is not.
func (r *relay) state() (cut bool, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut, r.since
}

// set cuts or heals it, and tells whether that is a change.
func (r *relay) set(cut bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut == cut {
		return false
	}
	r.cut, r.since = cut, time.Now()
	if cut {
		for c := range r.conns { // all before the first is closed: its other half would close in good order
			harden(c)
		}
		for c := range r.conns {
			_ = c.Close()
		}
	}
	return true
}

// close ends it and all that goes over it.
func (r *relay) close() error {
	err := r.l.Close()
	r.set(true)
	r.wg.Wait()
	return err
}

func (r *relay) serve() {
	for {
		c, err := r.l.Accept()
		if err != nil {
			return // it is closed
		}
		if !r.add(c) {
			reset(c)
			continue
		}
		r.wg.Go(func() {
			defer r.remove(c)
			r.carry(c)
		})
	}
}

// add notes a connection that a cut is to reset; false: it is cut now, or has
// enough of them.
func (r *relay) add(c net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cut || len(r.conns) >= carriedMost {
		return false
	}
	r.conns[c] = struct{}{}
	return true
}

func (r *relay) remove(c net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, c)
	_ = c.Close() // it is over
}

// carry brings the bytes both ways until one end has ended.
func (r *relay) carry(near net.Conn) {
	far, err := net.DialTimeout("tcp", r.to, dialPatience)
	if err != nil {
		reset(near) // the Space is away
		return
	}
	if !r.add(far) {
		reset(far)
		return
	}
	defer r.remove(far)
	var wg sync.WaitGroup
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		wg.Go(func() {
			_, _ = io.Copy(way[0], way[1]) // how it ended is the matter of the ends
			_, _ = way[0].Close(), way[1].Close()
		})
	}
	wg.Wait()
}

// reset ends a connection at once, as a way that is gone does.
func reset(c net.Conn) {
	harden(c)
	_ = c.Close()
}

// harden makes the end of a connection a reset, whoever closes it.
func harden(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}
