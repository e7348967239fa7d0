package runner

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

const (
	helloTimeout = 5 * time.Second
	maxStrangers = 256 // connections that have not said hello
)

// Listener accepts channels and hands each to its Session.
type Listener struct {
	socket    *net.UnixListener
	path      string
	cleanup   func()
	strangers chan struct{} // one for each connection that has not said hello
	closing   chan struct{}
	closed    chan struct{}

	helloTimeout time.Duration

	mu       sync.Mutex
	over     bool
	sessions map[[sha256.Size]byte]*Session // by the hash of the key: a lookup tells nothing of it
	conns    map[net.Conn]struct{}
}

// Listen opens the Unix socket at path (removing a stale one), mode 0600. A
// path too long for the operating system is reached through a link: see Path.
func Listen(path string) (*Listener, error) {
	short, cleanup, err := shortPath(path)
	if err != nil {
		return nil, fmt.Errorf("listen %s: %w", path, err)
	}
	socket, err := listenUnix(short)
	if err != nil {
		cleanup()
		return nil, fmt.Errorf("listen %s: %w", path, err)
	}
	return &Listener{
		socket:    socket,
		path:      short,
		cleanup:   cleanup,
		strangers: make(chan struct{}, maxStrangers),
		closing:   make(chan struct{}),
		closed:    make(chan struct{}),

		helloTimeout: helloTimeout,

		sessions: make(map[[sha256.Size]byte]*Session),
		conns:    make(map[net.Conn]struct{}),
	}, nil
}

// Path is what a runner connects to. It is the same for the same socket at
// every Listen.
func (l *Listener) Path() string { return l.path }

// Expect makes the Listener answer a runner that shows s's key.
func (l *Listener) Expect(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sessions[sha256.Sum256([]byte(s.key))] = s
}

// Forget undoes Expect. A live connection of s stays.
func (l *Listener) Forget(s *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := sha256.Sum256([]byte(s.key)); l.sessions[k] == s {
		delete(l.sessions, k)
	}
}

// Run accepts runners until ctx ends or Close is called, and returns when all
// connections have ended. Detach Sessions first: Run cuts those that live.
func (l *Listener) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	defer context.AfterFunc(ctx, func() { l.Close() })()
	defer l.Close()
	backoff := time.Duration(0)
	for {
		select {
		case l.strangers <- struct{}{}:
		case <-l.closing:
			return nil
		}
		conn, err := l.socket.Accept()
		if err != nil {
			<-l.strangers
			if errors.Is(err, net.ErrClosed) {
				return nil
			}
			// Out of files, most likely: runners go on trying, and so do we.
			backoff = min(max(2*backoff, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(backoff):
			case <-l.closing:
			}
			continue
		}
		backoff = 0
		wg.Go(func() { l.handle(conn) })
	}
}

// Close closes the socket and every connection. Run returns soon after.
func (l *Listener) Close() error {
	l.mu.Lock()
	first := !l.over
	l.over = true
	conns := l.conns
	l.conns = nil
	l.mu.Unlock()
	if !first {
		<-l.closed
		return nil
	}
	defer close(l.closed)
	close(l.closing)
	for conn := range conns {
		conn.Close()
	}
	err := l.socket.Close()
	l.cleanup()
	return err
}

// handle listens to a stranger's hello and serves the Session it belongs to.
func (l *Listener) handle(conn net.Conn) {
	defer conn.Close()
	if !l.track(conn) {
		<-l.strangers
		return
	}
	defer l.untrack(conn)
	f := NewFrameReader(conn)
	defer f.Release()
	s, hello := l.meet(conn, f)
	<-l.strangers
	if s != nil {
		s.serve(conn, f, hello) // the Session remembers what went wrong
	}
}

// meet returns the Session whose key the runner at conn shows, or nil. What a
// stranger says wrong is nobody's business: it gets a closed connection.
func (l *Listener) meet(conn net.Conn, f *FrameReader) (*Session, Hello) {
	if err := conn.SetDeadline(time.Now().Add(l.helloTimeout)); err != nil {
		return nil, Hello{}
	}
	hello, err := readHello(f)
	s := l.find(hello.Key)
	if err != nil && s != nil {
		s.note(err)
	}
	if err != nil || conn.SetDeadline(time.Time{}) != nil {
		return nil, Hello{}
	}
	return s, hello
}

func (l *Listener) find(key string) *Session {
	if key == "" {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sessions[sha256.Sum256([]byte(key))]
}

func (l *Listener) track(conn net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	l.conns[conn] = struct{}{}
	return true
}

func (l *Listener) untrack(conn net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, conn)
}
