package testnet

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options say how a Proxy is made. To is required.
type Options struct {
	To     string // where connections go
	Listen string // default 127.0.0.1:0
	Near   *Node  // in whose network it listens; nil: this process's
	Far    *Node  // from whose network it connects; nil: this process's
	Seed   uint64 // of what is random
	Hold   int    // bytes each direction of a connection has room for; default 64 MiB
}

// Proxy hands TCP connections on to another address, as badly as it is told. It
// begins as a good one. All methods may be called at any time.
//
// A connection takes a round trip to be made, as it does without a proxy.
type Proxy struct {
	opt      Options
	door     *door
	up, down *path // toward To, and back

	mu      sync.Mutex
	to      string
	silent  bool
	changed chan struct{} // closed when silent changes
	conns   map[*conn]struct{}

	ctx  context.Context // ends with Close
	stop context.CancelFunc
	wg   sync.WaitGroup
}

const defaultHold = 64 << 20

// Open starts a Proxy.
func Open(opt Options) (*Proxy, error) {
	if opt.Listen == "" {
		opt.Listen = "127.0.0.1:0"
	}
	if opt.Hold == 0 {
		opt.Hold = defaultHold
	}
	p := &Proxy{opt: opt, up: newPath(opt.Seed, 1), down: newPath(opt.Seed, 2), to: opt.To, changed: make(chan struct{}),
		conns: map[*conn]struct{}{}}
	p.ctx, p.stop = context.WithCancel(context.Background())
	var err error
	if p.door, err = openDoor(opt.Near, opt.Listen, p.accept); err != nil {
		p.stop()
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return p, nil
}

// Close ends every connection.
func (p *Proxy) Close() error {
	p.stop() // resets them
	err := p.door.close()
	p.wg.Wait()
	return err
}

// Addr is where the Proxy listens.
func (p *Proxy) Addr() string { return p.door.addr }

// SetTo sends new connections elsewhere.
func (p *Proxy) SetTo(addr string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.to = addr
}

// Set changes the conditions toward To and back.
func (p *Proxy) Set(up, down Conditions) {
	rtt := up.Delay + down.Delay
	p.up.set(up, rtt)
	p.down.set(down, rtt)
}

// SetBoth gives both directions the same conditions; the round trip takes twice
// the delay.
func (p *Proxy) SetBoth(c Conditions) { p.Set(c, c) }

// Reset breaks every connection. New ones are made.
func (p *Proxy) Reset() {
	for _, c := range p.all() {
		c.reset()
	}
}

// Refuse lets no new connection in.
func (p *Proxy) Refuse() { p.door.shut() }

// Cut is Refuse and Reset.
func (p *Proxy) Cut() {
	p.Refuse()
	p.Reset()
}

// Silence lets nothing through any more, and tells nobody: connections stay,
// what is written into them is kept, and so are their ends. New ones come
// about and hang.
func (p *Proxy) Silence() { p.setSilent(true) }

// Heal takes back Refuse, Cut and Silence. What was held back arrives.
func (p *Proxy) Heal() error {
	p.setSilent(false)
	return p.door.open()
}

// HalfOpen breaks every connection for one end only: the other can go on
// writing and hears nothing.
func (p *Proxy) HalfOpen(breakNear bool) {
	for _, c := range p.all() {
		c.halfOpen(breakNear)
	}
}

// Conns counts the connections.
func (p *Proxy) Conns() int { return len(p.all()) }

func (p *Proxy) all() []*conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		list = append(list, c)
	}
	return list
}

func (p *Proxy) setSilent(silent bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silent != silent {
		p.silent = silent
		close(p.changed)
		p.changed = make(chan struct{})
	}
}

// pass waits until there is no silence; false when ctx ends before.
func (p *Proxy) pass(ctx context.Context) bool {
	for {
		p.mu.Lock()
		silent, changed := p.silent, p.changed
		p.mu.Unlock()
		if !silent {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (p *Proxy) accept(l net.Listener) {
	p.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return // shut
			}
			p.wg.Go(func() { p.serve(c.(*net.TCPConn)) })
		}
	})
}

const dialTimeout = 5 * time.Second

// serve is one connection from its beginning to its end.
func (p *Proxy) serve(near *net.TCPConn) {
	ctx, cancel := context.WithCancel(p.ctx)
	c := &conn{near: near, cancel: cancel}
	disarm := context.AfterFunc(p.ctx, c.reset)
	p.mu.Lock()
	p.conns[c] = struct{}{}
	to := p.to
	p.mu.Unlock()
	defer func() {
		disarm()
		c.close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
	sleepUntil(ctx, time.Now().Add(p.up.roundTrip()))
	if !p.pass(ctx) {
		return
	}
	// Not ctx: a dial that is called off says goodbye to whom it has reached.
	dial, done := context.WithTimeout(p.ctx, dialTimeout)
	far, err := p.opt.Far.DialContext(dial, "tcp", to)
	done()
	if err != nil || !c.join(far.(*net.TCPConn)) {
		reset(near)
		return
	}
	c.run(ctx, p)
}
