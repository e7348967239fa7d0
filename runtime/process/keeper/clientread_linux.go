package keeper

import (
	"os"

	"golang.org/x/sys/unix"
)

// read takes in what the keeper says until the connection ends, and then sees
// to it that a keeper that was lost is really dead.
func (c *Client) read() {
	defer close(c.done)
	for {
		m, err := c.conn.receive()
		if err != nil {
			break
		}
		switch {
		case m.Reply != 0:
			c.replied(m)
		case m.Op == noticeExit && len(m.Children) == 1 && m.Children[0].Exit != nil:
			c.exited(m.Children[0])
		case m.Op == noticeFenced:
			c.mu.Lock()
			c.fenced = true
			c.mu.Unlock()
		}
		if m.Reply == 0 {
			closeAll(m.fds)
		}
	}
	c.conn.close()
	c.conn.drop()
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
	}
}

func (c *Client) replied(m *message) {
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
		c.conn.send(&message{Op: opForget, Child: waiting.child}, callTime)
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

func (c *Client) exited(ch Child) {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.exits[ch.ID]
	if w == nil {
		return
	}
	select {
	case <-w.done:
	default:
		w.exit = *ch.Exit
		close(w.done)
	}
}
