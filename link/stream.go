package link

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

// Kind is what a stream is for. It is its first byte.
type Kind byte

const (
	KindHTTP    Kind = 'H' // HTTP/1.1; who accepts it is the server
	KindTopic   Kind = 'T' // the replication of one Topic; who opens it has the records
	kindControl Kind = 'C' // messages and heartbeats; one a session, opened by the Hub
)

const (
	longAfter   = 64 << 10 // bytes in one go after which a stream is not a small call any more
	chunk       = 32 << 10 // bytes handed on at once by a stream that is long
	kindTimeout = 10 * time.Second
)

// shortAgain without a byte, and a stream may be a small call again.
var shortAgain = time.Second

var errDeadline = os.ErrDeadlineExceeded

// Stream is one of many on a Session. It is a net.Conn.
type Stream struct {
	*yamux.Stream
	shaper *shaper
	held   *held
	kind   Kind
	remote net.Addr

	closing sync.Once
	closed  chan struct{}

	mu       sync.Mutex // writers
	sent     int
	last     time.Time
	lane     lane
	deadline deadline
}

func (s *Session) stream(c *yamux.Stream, kind Kind) *Stream {
	st := &Stream{Stream: c, shaper: s.shaper, held: &s.held, kind: kind, remote: s.remote, closed: make(chan struct{})}
	if kind == KindTopic {
		st.lane = laneTopics
	}
	s.shaper.add(c.StreamID(), st.lane)
	return st
}

// Write waits for the peer's window, and for room in the stream's lane.
func (s *Stream) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind == KindHTTP {
		s.sort(len(p))
	}
	for len(p) > 0 {
		part := p[:min(len(p), chunk)]
		if err := s.room(); err != nil {
			return n, err
		}
		m, err := s.Stream.Write(part)
		n += m
		if err != nil {
			return n, streamError(err)
		}
		p = p[m:]
	}
	return n, nil
}

// room waits until the stream's lane can take more.
func (s *Stream) room() error {
	for {
		full, err := s.shaper.full(s.lane)
		if full == nil || err != nil {
			return err
		}
		expired, moved, stop := s.deadline.wait()
		select {
		case <-full:
		case <-moved:
		case <-expired:
			err = errDeadline
		case <-s.closed:
			err = net.ErrClosed
		}
		stop()
		if err != nil {
			return err
		}
	}
}

// sort decides whether what is written here is small or long.
func (s *Stream) sort(n int) {
	now := time.Now()
	if now.Sub(s.last) > shortAgain {
		s.sent = 0
	}
	s.last = now
	s.sent += n
	l := laneControl
	if s.sent > longAfter {
		l = laneLive
	}
	if l != s.lane {
		s.lane = s.shaper.put(s.StreamID(), l)
	}
}

// Read is that of the stream, with errors as package net has them.
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.held.read(s.StreamID(), n)
	return n, streamError(err)
}

// Close ends both directions. The peer gets what was written before.
func (s *Stream) Close() error {
	s.closing.Do(func() { close(s.closed) })
	err := s.Stream.Close()
	if err != nil { // it has ended in another way
		s.shaper.forget(s.StreamID())
	}
	return streamError(err)
}

// CloseWrite ends one.
func (s *Stream) CloseWrite() error { return s.Stream.CloseWrite() }

// Abort ends the stream at once; the peer is told that it is not whole.
func (s *Stream) Abort() error {
	s.closing.Do(func() { close(s.closed) })
	s.shaper.forget(s.StreamID())
	return s.Stream.Reset()
}

// RemoteAddr is where the peer of the session is.
func (s *Stream) RemoteAddr() net.Addr { return s.remote }

// SetDeadline is both of the others.
func (s *Stream) SetDeadline(t time.Time) error {
	return errors.Join(s.SetReadDeadline(t), s.SetWriteDeadline(t))
}

// SetWriteDeadline holds for the wait for room too.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.deadline.set(t)
	return s.Stream.SetWriteDeadline(t)
}

// streamError makes yamux's words those that HTTP and others know.
func streamError(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF):
		return err
	case errors.Is(err, yamux.ErrTimeout):
		return errDeadline
	case errors.Is(err, yamux.ErrStreamClosed), errors.Is(err, yamux.ErrSessionShutdown):
		return net.ErrClosed
	}
	return err
}

// deadline is a time after which nobody waits any more.
type deadline struct {
	mu    sync.Mutex
	at    time.Time
	moved chan struct{}
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = t
	if d.moved != nil {
		close(d.moved)
		d.moved = nil
	}
}

// wait is told of when the time has come, and when another was set. stop it.
func (d *deadline) wait() (expired <-chan time.Time, moved <-chan struct{}, stop func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.moved == nil {
		d.moved = make(chan struct{})
	}
	if d.at.IsZero() {
		return nil, d.moved, func() {}
	}
	timer := time.NewTimer(time.Until(d.at))
	return timer.C, d.moved, func() { timer.Stop() }
}
