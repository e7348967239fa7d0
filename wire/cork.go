package wire

import (
	"net"
	"sync"
)

// Below TLS bytes come and go in pieces of a record, 16 KiB at most, and each
// would be a call of the system. Where there are many, they are moved together.

const (
	corkSize  = 80 << 10 // a write of 64 KiB with what TLS and others add
	aheadSize = 64 << 10
)

var (
	corkBuffers  = sync.Pool{New: func() any { return new([corkSize]byte) }}
	aheadBuffers = sync.Pool{New: func() any { return new([aheadSize]byte) }}
)

// Corked is a connection that gathers what is written between Hold and Release.
// It is for the place below TLS; who knows where a message ends is above.
type Corked interface {
	net.Conn
	Hold()
	Release() error
}

// Cork makes a connection a Corked one that reads ahead too.
func Cork(c net.Conn) Corked { return &corked{Conn: c} }

type corked struct {
	net.Conn
	out cork
	in  ahead
}

func (c *corked) Write(p []byte) (int, error) { return c.out.write(c.Conn.Write, p) }
func (c *corked) Read(p []byte) (int, error)  { return c.in.read(c.Conn, p) }
func (c *corked) Hold()                       { c.out.hold() }
func (c *corked) Release() error              { return c.out.release(c.Conn.Write) }

// cork holds back what is written while somebody holds it.
type cork struct {
	mu   sync.Mutex
	held int
	buf  *[corkSize]byte
	n    int
	err  error // of a write that came after its caller had gone on
}

func (k *cork) hold() {
	k.mu.Lock()
	k.held++
	k.mu.Unlock()
}

func (k *cork) release(write func([]byte) (int, error)) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held--; k.held > 0 {
		return k.err
	}
	k.flush(write)
	return k.err
}

func (k *cork) write(write func([]byte) (int, error), p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return 0, k.err
	}
	if k.held == 0 {
		return write(p)
	}
	if k.n+len(p) > corkSize {
		if k.flush(write); k.err != nil {
			return 0, k.err
		}
		if len(p) > corkSize {
			return write(p)
		}
	}
	if k.buf == nil {
		k.buf = corkBuffers.Get().(*[corkSize]byte)
	}
	k.n += copy(k.buf[k.n:], p)
	return len(p), nil
}

// flush writes what is held. k.mu is held.
func (k *cork) flush(write func([]byte) (int, error)) {
	if k.n > 0 && k.err == nil {
		_, k.err = write(k.buf[:k.n])
	}
	if k.buf != nil {
		corkBuffers.Put(k.buf)
	}
	k.buf, k.n = nil, 0
}

// ahead reads more than it is asked for while a connection has more. One
// goroutine at a time reads.
type ahead struct {
	buf  *[aheadSize]byte // nil while all of it has been read
	r, w int
	more bool // the last read filled what it was given
}

func (a *ahead) read(c net.Conn, p []byte) (int, error) {
	if a.buf != nil {
		n := copy(p, a.buf[a.r:a.w])
		if a.r += n; a.r == a.w {
			aheadBuffers.Put(a.buf)
			a.buf = nil
		}
		return n, nil
	}
	if !a.more || len(p) >= aheadSize {
		n, err := c.Read(p)
		a.more = n == len(p) && n >= 512
		return n, err
	}
	buf := aheadBuffers.Get().(*[aheadSize]byte)
	w, err := c.Read(buf[:])
	n := copy(p, buf[:w])
	a.more = w > n
	if w == n || err != nil && w == 0 {
		aheadBuffers.Put(buf)
		return n, err
	}
	a.buf, a.r, a.w = buf, n, w
	return n, nil // an error comes again
}
