package wire

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// listener counts connections and refuses those over the limit with words: one
// that merely waited would look like a Hub that is dead.
type listener struct {
	net.Listener
	slots chan struct{}
	tls   bool
	open  sync.WaitGroup // connections that are not closed, those that linger too
}

const overloaded = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\n" +
	"Retry-After: 1\r\n\r\n" + `{"error":"too many connections to this Hub","kind":"unavailable"}` + "\n"

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			l.open.Add(1) // here, not when it lingers: nothing is accepted once Run waits
			return &conn{Conn: c, from: l, tls: l.tls}, nil
		default:
			// The socket's buffer is empty: this never waits.
			_, _ = c.Write([]byte(overloaded))
			_ = c.Close()
		}
	}
}

// conn cuts a peer that takes no byte for stallTimeout while data waits. It
// sits below TLS and HTTP, which write through it, so that no handler has to
// think of it.
type conn struct {
	net.Conn
	from   *listener
	closed atomic.Bool
	deaf   atomic.Bool  // nothing more is read
	set    atomic.Int64 // when the deadline was last moved, Unix ns
	manual atomic.Bool  // someone above set a deadline of their own
	out    cork
	in     ahead
	tls    bool // it lies below TLS
}

// Write writes, or holds back what comes between Hold and Release.
func (c *conn) Write(p []byte) (int, error) { return c.out.write(c.write, p) }

// Hold begins a message of several writes, which Release sends.
func (c *conn) Hold() { c.out.hold() }

// Release ends what Hold has begun.
func (c *conn) Release() error { return c.out.release(c.write) }

func (c *conn) write(p []byte) (int, error) {
	var sent int
	for {
		c.renew()
		n, err := c.Conn.Write(p[sent:])
		sent += n
		// A part went through: the peer is slow, not gone.
		if err == nil || n == 0 || c.manual.Load() || !errors.Is(err, os.ErrDeadlineExceeded) {
			return sent, err
		}
		c.set.Store(0)
	}
}

// renew moves the deadline, at most every second: it costs a timer.
func (c *conn) renew() {
	if c.manual.Load() {
		return
	}
	now := time.Now()
	if last := c.set.Load(); now.UnixNano()-last < int64(time.Second) {
		return
	}
	c.set.Store(now.UnixNano())
	_ = c.Conn.SetWriteDeadline(now.Add(stallTimeout)) // an error shows in Write
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.manual.Store(!t.IsZero())
	c.set.Store(0)
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.Conn.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// CloseWrite lets the standard server end a connection without losing the
// last bytes of an answer.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return c.Conn.Close()
	}
	<-c.from.slots
	if c.deaf.Load() {
		go c.linger()
		return nil
	}
	defer c.from.open.Done()
	return c.Conn.Close()
}

func openFiles() int {
	var lim syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &lim); err != nil {
		return 1024
	}
	return int(min(lim.Cur, 1<<20))
}
