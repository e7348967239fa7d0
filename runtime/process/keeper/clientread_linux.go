package keeper

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const reattachTime = 3 * time.Second

// read takes in what the keeper says for as long as it lives, and then sees to
// it that it is really dead.
func (c *Client) read() {
	defer close(c.done)
	conn := c.conn
	for conn != nil {
		c.listen(conn)
		conn.close()
		conn.drop()
		conn = c.again()
	}
	reason := c.reason()
	if reason == ErrGone {
		c.bury()
	}
	if c.pidfd >= 0 {
		unix.Close(c.pidfd)
	}
	if c.process != nil && reason != ErrGone {
		c.process.Release()
	}
	c.mu.Lock()
	c.err = reason
	c.mu.Unlock()
}

func (c *Client) listen(conn *conn) {
	for {
		m, err := conn.receive()
		if err != nil {
			return
		}
		switch {
		case m.Reply != 0:
			c.replied(conn, m)
			continue
		case m.Op == noticeExit && len(m.Children) == 1 && m.Children[0].Exit != nil:
			c.exited(m.Children[0].ID, *m.Children[0].Exit)
		case m.Op == noticeFenced:
			c.mu.Lock()
			c.fenced = true
			c.mu.Unlock()
		}
		closeAll(m.fds)
	}
}

// again attaches anew to a keeper that has dropped us but lives: we were
// stopped for long, and did not listen. nil when that is not so.
func (c *Client) again() *conn {
	for deadline := time.Now().Add(reattachTime); c.wantsKeeper() && time.Now().Before(deadline); time.Sleep(retryEvery) {
		conn, children, err := c.reattach()
		if err != nil {
			continue
		}
		c.log.Warn("keeper had dropped the connection; attached anew")
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			conn.close()
			return nil
		}
		c.conn = conn
		lost := c.calls
		c.calls = map[uint64]*call{}
		c.mu.Unlock()
		for _, waiting := range lost {
			if waiting.op == opSpawn {
				conn.send(&message{Op: opForget, Child: waiting.child}, callTime)
			}
			if !waiting.abandoned {
				waiting.reply <- &message{Error: "the connection broke"}
			}
		}
		c.catchUp(children)
		return conn
	}
	return nil
}

// wantsKeeper tells whether there is a keeper to go back to, and why to.
func (c *Client) wantsKeeper() bool {
	c.mu.Lock()
	ending := c.ending
	c.mu.Unlock()
	return !ending && c.reason() == ErrGone && c.keeperLives()
}

func (c *Client) reattach() (*conn, []Child, error) {
	ctx, cancel := context.WithTimeout(context.Background(), reattachTime)
	defer cancel()
	socket, err := dial(ctx, c.cfg.run())
	if err != nil {
		return nil, nil, err
	}
	conn := newConn(socket)
	reply, err := attach(ctx, conn, &c.cfg)
	if err == nil && reply.PID != c.pid {
		err = errors.New("it is another keeper")
	}
	if err != nil {
		conn.close()
		conn.drop()
		return nil, nil, err
	}
	return conn, reply.Children, nil
}

// catchUp learns of the exits that nobody could tell us.
func (c *Client) catchUp(children []Child) {
	known := map[string]bool{}
	for _, ch := range children {
		known[ch.ID] = true
		c.expect(ch)
		if ch.Exit != nil {
			c.exited(ch.ID, *ch.Exit)
		}
	}
	c.mu.Lock()
	var dropped []string
	for id := range c.exits {
		if !known[id] {
			dropped = append(dropped, id)
		}
	}
	c.mu.Unlock()
	for _, id := range dropped { // unassigned ones end with a connection
		c.exited(id, Exit{Code: 137, Signal: "SIGKILL", At: time.Now()})
	}
}

func (c *Client) keeperLives() bool {
	if c.pidfd < 0 {
		return false
	}
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}, 0)
	return n == 0 && (err == nil || err == unix.EINTR)
}

func (c *Client) reason() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return os.ErrClosed
	case c.fenced:
		return ErrFenced
	}
	return ErrGone
}

// bury makes sure that the keeper does not run, so that the kernel ends what
// was tied to it, and reaps it when it was ours.
func (c *Client) bury() {
	if c.pidfd >= 0 {
		unix.PidfdSendSignal(c.pidfd, unix.SIGKILL, nil, 0)
		poll := []unix.PollFd{{Fd: int32(c.pidfd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(poll, -1); err != unix.EINTR {
				break
			}
		}
	}
	if c.process != nil {
		c.process.Kill()
		c.process.Wait()
	} else if c.pidfd >= 0 {
		// It may be the child of this process though an earlier Client started it.
		unix.Wait4(c.pid, nil, 0, nil)
	}
}

func (c *Client) replied(conn *conn, m *message) {
	if len(m.Children) == 1 {
		c.expect(m.Children[0]) // before an exit notice can come
	}
	c.mu.Lock()
	waiting := c.calls[m.Reply]
	delete(c.calls, m.Reply)
	if waiting != nil && !waiting.abandoned {
		waiting.reply <- m
		c.mu.Unlock()
		return
	}
	c.mu.Unlock()
	closeAll(m.fds)
	if waiting != nil && waiting.op == opSpawn && m.Error == "" {
		// Started for somebody who has left: it must not run on unknown.
		conn.send(&message{Op: opForget, Child: waiting.child}, callTime)
	}
}

// expect makes room for a child's exit, once.
func (c *Client) expect(ch Child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exits[ch.ID] != nil {
		return
	}
	w := &exitWait{done: make(chan struct{})}
	c.exits[ch.ID] = w
	if ch.Exit != nil {
		w.exit = *ch.Exit
		close(w.done)
	}
}

func (c *Client) exited(id string, exit Exit) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.exits[id]
	if w == nil {
		return
	}
	select {
	case <-w.done:
	default:
		w.exit = exit
		close(w.done)
	}
}
