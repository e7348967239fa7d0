package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"waverider"
)

const (
	connectTime = 10 * time.Second
	callTime    = 10 * time.Second
	retryEvery  = 5 * time.Millisecond
)

// Client is a Hub's connection to its keeper. Safe for concurrent use.
type Client struct {
	cfg      Config
	log      *slog.Logger
	process  *os.Process // the keeper, when we started it
	pid      int
	pidfd    int
	attached []Child
	done     chan struct{} // the reader has ended; err is set

	mu     sync.Mutex
	conn   *conn // replaced when the keeper has dropped it but lives
	next   uint64
	calls  map[uint64]*call
	exits  map[string]*exitWait
	fenced bool
	closed bool
	ending bool // the keeper was told to end
	err    error
}

type call struct {
	op, child string
	reply     chan *message // capacity 1
	abandoned bool          // nobody waits any more
}

type exitWait struct {
	done chan struct{}
	exit Exit
}

// Connect attaches to the keeper of cfg.Dir, starting it when there is none.
// A Hub process that was attached before is fenced.
func Connect(ctx context.Context, cfg Config) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	for {
		c, err := connect(ctx, &cfg)
		if err == nil {
			return c, nil
		}
		// A keeper that was just ending, or whose predecessor still is.
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("connect to keeper: %w", err)
		case <-time.After(retryEvery):
		}
	}
}

func connect(ctx context.Context, cfg *Config) (*Client, error) {
	conn, process, err := reach(ctx, cfg)
	if err != nil {
		abandon(process)
		return nil, err
	}
	reply, err := attach(ctx, conn, cfg)
	if err != nil {
		conn.close()
		abandon(process)
		return nil, err
	}
	c := &Client{
		cfg: *cfg, log: cfg.Log, conn: conn, process: process, pid: reply.PID, pidfd: -1,
		attached: reply.Children, done: make(chan struct{}),
		calls: map[uint64]*call{}, exits: map[string]*exitWait{},
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if fd, err := unix.PidfdOpen(c.pid, 0); err == nil {
		c.pidfd = fd
	}
	for _, ch := range reply.Children {
		c.expect(ch)
	}
	go c.read()
	return c, nil
}

// abandon gives up a keeper we started and could not reach. It may have made
// cgroups already, and is left the time to remove them.
func abandon(p *os.Process) {
	if p != nil {
		p.Signal(syscall.SIGTERM)
		enough := time.AfterFunc(time.Second, func() { p.Kill() })
		p.Wait()
		enough.Stop()
	}
}

func attach(ctx context.Context, c *conn, cfg *Config) (*message, error) {
	stop := context.AfterFunc(ctx, func() { c.socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	err := c.send(&message{ID: 1, Op: opAttach, Version: protocolVersion, OrphanAfter: cfg.OrphanAfter, Trees: cfg.Trees}, callTime)
	if err != nil {
		return nil, err
	}
	reply, err := c.receive()
	switch {
	case err != nil:
		return nil, err
	case !stop():
		return nil, ctx.Err() // the deadline is set, or will be
	case reply.Error != "":
		return nil, errors.New(reply.Error)
	case reply.Version != protocolVersion:
		return nil, fmt.Errorf("keeper speaks version %d, this Hub %d: stop its Instances with the older binary first", reply.Version, protocolVersion)
	}
	return reply, nil
}

// PID is the keeper's.
func (c *Client) PID() int { return c.pid }

// Children are those the keeper had when we attached.
func (c *Client) Children() []Child { return c.attached }

// Spawn starts a program. The caller closes the files, and must Forget the
// child once it has ended.
func (c *Client) Spawn(ctx context.Context, spec Spec) (Child, Report, Files, error) {
	m, err := c.call(ctx, &message{Op: opSpawn, Child: spec.ID, Spawn: &spec})
	if err != nil {
		return Child{}, Report{}, Files{}, err
	}
	if len(m.Children) != 1 || m.Report == nil {
		closeAll(m.fds)
		return Child{}, Report{}, Files{}, errors.New("keeper: malformed answer to spawn")
	}
	return m.Children[0], *m.Report, m.files(), nil
}

// Open gives a child as it is now and our ends of its pipes, for a Hub that
// attached anew. The caller closes the files.
func (c *Client) Open(ctx context.Context, id string) (Child, Files, error) {
	m, err := c.call(ctx, &message{Op: opFiles, Child: id})
	if err != nil {
		return Child{}, Files{}, err
	}
	if len(m.Children) != 1 {
		closeAll(m.fds)
		return Child{}, Files{}, errors.New("keeper: malformed answer to open")
	}
	return m.Children[0], m.files(), nil
}

// Kill ends the whole tree of a child. It does not wait.
func (c *Client) Kill(ctx context.Context, id string) error {
	_, err := c.call(ctx, &message{Op: opKill, Child: id})
	return err
}

// CloseStdin closes the keeper's end of a child's stdin. The program sees the
// end when the Hub's is closed too.
func (c *Client) CloseStdin(ctx context.Context, id string) error {
	_, err := c.call(ctx, &message{Op: opStdin, Child: id})
	return err
}

// Assign gives a waiting child to somebody: it outlives the connection now.
func (c *Client) Assign(ctx context.Context, id, label string, limits waverider.Limits) (Report, error) {
	m, err := c.call(ctx, &message{Op: opAssign, Child: id, Label: label, Limits: limits})
	if err != nil {
		return Report{}, err
	}
	if m.Report == nil {
		return Report{}, nil
	}
	return *m.Report, nil
}

// Forget drops an ended child and what is known of its end. One that runs is
// killed and dropped then.
func (c *Client) Forget(ctx context.Context, id string) error {
	_, err := c.call(ctx, &message{Op: opForget, Child: id})
	if err == nil || errors.Is(err, ErrUnknown) {
		c.mu.Lock()
		delete(c.exits, id)
		c.mu.Unlock()
	}
	return err
}

// Wait returns how a child ended, once its whole tree is gone. Without the
// keeper that is ErrGone (or ErrFenced): then nothing is known.
func (c *Client) Wait(ctx context.Context, id string) (Exit, error) {
	c.mu.Lock()
	w := c.exits[id]
	c.mu.Unlock()
	if w == nil {
		return Exit{}, ErrUnknown
	}
	select {
	case <-w.done: // also when the keeper has ended since
		return w.exit, nil
	default:
	}
	select {
	case <-w.done:
		return w.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	case <-c.done:
	}
	select {
	case <-w.done:
		return w.exit, nil
	default:
		return Exit{}, c.Err()
	}
}

// Lost is closed when the connection has ended; Err says why.
func (c *Client) Lost() <-chan struct{} { return c.done }

// Err is ErrGone, ErrFenced, or os.ErrClosed after Close.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Shutdown kills all children and ends the keeper. It returns when both are
// gone.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	_, err := c.call(ctx, &message{Op: opShutdown})
	if err != nil && !errors.Is(err, ErrGone) {
		return err
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close detaches. Assigned children run on.
func (c *Client) Close() error {
	c.mu.Lock()
	c.closed = true
	c.conn.close()
	c.mu.Unlock()
	<-c.done
	return nil
}

func (c *Client) call(ctx context.Context, m *message) (*message, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	waiting := &call{op: m.Op, child: m.Child, reply: make(chan *message, 1)}
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return nil, c.Err()
	}
	c.next++
	m.ID = c.next
	c.calls[m.ID] = waiting
	conn := c.conn
	c.mu.Unlock()
	if err := conn.send(m, callTime); err != nil {
		conn.close() // half a message may be out: nothing can follow it
	}
	select {
	case reply := <-waiting.reply:
		return answered(m.Op, reply)
	case <-c.done:
		return nil, c.Err()
	case <-ctx.Done():
	}
	c.mu.Lock()
	waiting.abandoned = true
	c.mu.Unlock()
	select {
	case reply := <-waiting.reply: // in the last moment
		return answered(m.Op, reply)
	default:
		return nil, fmt.Errorf("keeper: %s: %w", m.Op, ctx.Err())
	}
}

func answered(op string, reply *message) (*message, error) {
	switch {
	case reply.Code == codeUnknown:
		return nil, ErrUnknown
	case reply.Error != "":
		return nil, fmt.Errorf("keeper: %s: %s", op, reply.Error)
	}
	return reply, nil
}

func (m *message) files() Files {
	var f Files
	for i, name := range m.Files {
		file := asFile(m.fds[i], name)
		switch name {
		case "stdin":
			f.Stdin = file
		case "stdout":
			f.Stdout = file
		case "stderr":
			f.Stderr = file
		case "log":
			f.Log = file
		case "report":
			f.Report = file
		default:
			file.Close()
		}
	}
	return f
}
