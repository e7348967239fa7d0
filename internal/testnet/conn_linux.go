package testnet

import (
	"context"
	"io"
	"net"
	"sync"
)

// conn is one connection through a Proxy.
type conn struct {
	near   *net.TCPConn
	cancel context.CancelFunc

	mu     sync.Mutex
	far    *net.TCPConn // nil until it is made
	closed bool
	half   *bool        // halfOpen, to be done when far is there
	left   *net.TCPConn // the end that was not told of the break
}

// join takes the far end, unless the connection is broken already.
func (c *conn) join(far *net.TCPConn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		reset(far)
		return false
	}
	c.far = far
	if c.half != nil {
		c.breakOne(*c.half)
	}
	return true
}

// run carries bytes both ways until both have ended.
func (c *conn) run(ctx context.Context, p *Proxy) {
	var wg sync.WaitGroup
	up, down := newLine(p.up, p.opt.Hold), newLine(p.down, p.opt.Hold)
	wg.Go(func() { up.read(ctx, c.near) })
	wg.Go(func() { up.write(ctx, c.far, p.pass, down, c.near) })
	wg.Go(func() { down.read(ctx, c.far) })
	wg.Go(func() { down.write(ctx, c.near, p.pass, up, c.far) })
	wg.Wait()
	c.mu.Lock()
	left := c.left
	c.mu.Unlock()
	if left != nil {
		_, _ = io.Copy(io.Discard, left) // nobody hears it
	}
}

// halfOpen breaks the connection at one end.
func (c *conn) halfOpen(breakNear bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed || c.left != nil:
	case c.far == nil: // it is just being made
		c.half = &breakNear
	default:
		c.breakOne(breakNear)
	}
}

// breakOne is halfOpen with mu held and both ends there.
func (c *conn) breakOne(breakNear bool) {
	gone := c.near
	c.left = c.far
	if !breakNear {
		gone, c.left = c.far, c.near
	}
	c.cancel()
	reset(gone)
}

// reset breaks it at both ends.
func (c *conn) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.cancel()
	reset(c.near)
	if c.far != nil {
		reset(c.far)
	}
}

// close lets go of what is left of it.
func (c *conn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.cancel()
	_ = c.near.Close() // it has ended, or broken
	if c.far != nil {
		_ = c.far.Close()
	}
}
