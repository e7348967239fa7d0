package runner

import (
	"net"
	"sync"
	"syscall"
	"time"
)

const scratchSize = 4 << 10 // small frames go out together in writes up to here

// link is one connection of a Session. What is below its first lines is
// guarded by Session.mu, and what the writer uses belongs to whoever has set
// writing.
type link struct {
	conn net.Conn
	try  tryWriter
	once sync.Once
	quit chan struct{} // closed when the link is to end
	gone chan struct{} // closed when all its goroutines have ended
	wg   sync.WaitGroup

	over    bool // not the live link any more: nothing is to be started for it
	mute    bool // the runner does not hear us any more
	writing bool // someone writes; he looks for more before he stops
	stopped signal

	// What this connection has carried so far.
	inputSent   uint64
	inputEnded  bool
	messageSent uint64
	toldAcked   uint64
	toldLimit   uint64
	toldAt      time.Time
	windowDue   bool
	handledTold uint64
	handledDue  bool
	marked      Mark // the last one that came

	// What is being written.
	scratch *buffer
	pinned  *buffer // payload in use, must not be pooled
	then    []byte  // to be written next, in pinned
	rest    []byte  // what a write that would have blocked left over
}

func newLink(conn net.Conn) *link {
	return &link{conn: conn, try: newTryWriter(conn), quit: make(chan struct{}), gone: make(chan struct{})}
}

// shut ends the link: its reader and writer return.
func (l *link) shut() {
	l.once.Do(func() {
		close(l.quit)
		l.conn.Close()
	})
}

// closeWrite tells the runner that nothing more will come.
func (l *link) closeWrite() {
	if c, ok := l.conn.(interface{ CloseWrite() error }); ok {
		c.CloseWrite()
	}
}

// push writes what is due, as far as that goes without waiting for the runner.
func (s *Session) push() {
	s.mu.Lock()
	l := s.link
	if l == nil || l.writing {
		s.mu.Unlock()
		return
	}
	l.writing = true
	s.writeLocked(l)
}

// writeLocked writes until nothing is due. It is called with mu held and
// l.writing just set, and returns without mu. Nobody ever waits here for a
// runner that does not read: what does not fit into the socket is left to a
// goroutine.
func (s *Session) writeLocked(l *link) {
	for {
		p := s.next(l)
		if p == nil {
			break
		}
		s.mu.Unlock()
		n, err := l.try.write(p)
		s.mu.Lock()
		if err != nil {
			l.mute = true
		} else if n < len(p) && !l.over {
			l.rest = p[n:]
			l.wg.Go(func() { s.writeRest(l) })
			s.mu.Unlock()
			return
		}
	}
	s.stopWriting(l)
	s.mu.Unlock()
}

// writeRest goes on where writeLocked would have had to wait.
func (s *Session) writeRest(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		p := s.next(l)
		if p == nil {
			break
		}
		s.mu.Unlock()
		_, err := l.conn.Write(p)
		s.mu.Lock()
		// The connection stays open: what a dead runner wrote last is still
		// in it, and the reader will find its end.
		l.mute = l.mute || err != nil
	}
	s.stopWriting(l)
}

func (s *Session) stopWriting(l *link) {
	l.writing = false
	l.unpin()
	l.rest, l.then = nil, nil
	if l.scratch != nil {
		l.scratch.release()
		l.scratch = nil
	}
	l.stopped.fire()
}

// idle returns a channel that is closed once nothing is being written.
func (s *Session) idle(l *link) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := l.stopped.wait()
	if !l.writing {
		l.stopped.fire()
	}
	return idle
}

func (l *link) unpin() {
	if l.pinned != nil {
		l.pinned.release()
		l.pinned = nil
	}
}

func (l *link) pin(b *buffer) {
	b.retain()
	l.pinned = b
}

// next returns what is to be written now with one write, nil when nothing is.
// It stays valid until the next call.
func (s *Session) next(l *link) []byte {
	if l.over || l.mute {
		return nil
	}
	if p := l.rest; p != nil {
		l.rest = nil
		return p
	}
	if p := l.then; p != nil {
		l.then = nil
		return p
	}
	l.unpin()
	if l.scratch == nil {
		l.scratch = getBuffer(scratchSize - HeaderSize)
	}
	b := s.out.appendWindow(l.scratch.b[:0], l)
	b, large := s.sent.appendMessages(b, l)
	if large != nil {
		return large
	}
	b = s.recv.appendHandled(b, l) // after the answers to what is acked by it
	if b, direct := s.in.appendData(b, l); direct != nil {
		return direct
	} else if len(b) > 0 {
		return b
	}
	return nil
}

// appendData adds input that was not sent on l to b, the writer's scratch. It
// returns instead what to write when that can be done without a copy.
func (st *inputState) appendData(b []byte, l *link) ([]byte, []byte) {
	for l.inputSent < st.accepted && cap(b)-len(b) > HeaderSize {
		c := st.at(l.inputSent)
		skip := int(l.inputSent - c.start)
		p := c.buf.room()[skip:c.n]
		h := Header{Type: FrameData, Stream: StreamInput, Length: uint32(len(p)), Number: l.inputSent}
		switch {
		case skip == 0 && len(b) == 0 && !c.buf.shared():
			// The buffer has room for the header before its first byte. Nobody
			// else may be writing it: a broken connection's writer might still be.
			l.pin(c.buf)
			h.Append(c.buf.b[:0])
			l.inputSent = c.end()
			return b, c.buf.b[:HeaderSize+c.n]
		case HeaderSize+len(p) <= cap(b)-len(b):
			b = append(h.Append(b), p...)
			l.inputSent += uint64(len(p))
		default:
			l.pin(c.buf)
			l.then = p
			l.inputSent += uint64(len(p))
			return h.Append(b), nil
		}
	}
	if st.ended && !l.inputEnded && l.inputSent == st.accepted && cap(b)-len(b) >= HeaderSize {
		l.inputEnded = true
		b = Header{Type: FrameEnd, Stream: StreamInput, Number: st.accepted}.Append(b)
	}
	return b, nil
}

// blockingWriter leaves everything to the goroutine that may wait.
type blockingWriter struct{}

func (blockingWriter) write([]byte) (int, error) { return 0, nil }

// tryWriter writes as much as goes without waiting.
type tryWriter interface {
	write(p []byte) (int, error)
}

func newTryWriter(conn net.Conn) tryWriter {
	if c, ok := conn.(syscall.Conn); ok {
		if raw, err := c.SyscallConn(); err == nil {
			return newRawWriter(raw)
		}
	}
	return blockingWriter{}
}
