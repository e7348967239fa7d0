package runner

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

// What the methods of an ended Session, or of an ended Input, return.
var (
	ErrClosed   = errors.New("runner: session closed")
	ErrDetached = errors.New("runner: session detached")
	ErrEnded    = errors.New("runner: input has ended")
)

const (
	ackDelay      = 5 * time.Millisecond   // between two acks, so that they come in company
	drainTimeout  = 2 * time.Second        // Close takes what a dead runner left in the socket
	detachTimeout = 200 * time.Millisecond // Detach gets so long to write what is due
)

// Session is the Hub's end of one runner's channel. It outlives connections:
// when the channel breaks it keeps what is not acked and goes on when the
// runner connects again. At most one connection is live; a newer one replaces
// the older. All methods are safe for concurrent use.
type Session struct {
	key       string
	resume    bool
	ackDelay  time.Duration
	connected chan struct{}
	done      chan struct{} // closed when Close or Detach is through
	input     Input
	output    Output

	mu      sync.Mutex
	hello   Hello
	greeted bool  // a HELLO was taken: positions are known
	link    *link // the live connection, or nil
	lastErr error
	ended   error // ErrClosed or ErrDetached
	drained bool  // ended, and nothing more will be received
	in      inputState
	out     outputState
	sent    outbox
	recv    inbox
}

// SessionConfig is what a Session is made of.
type SessionConfig struct {
	Key string // secret of the process; NewKey makes one
	// Resume tells that the runner may already have been talked to by an
	// earlier Hub process: positions are taken from its first HELLO.
	Resume bool
}

// NewKey makes the secret that a process says hello with.
func NewKey() string { return rand.Text() }

// NewSession makes a Session that waits for its runner. A Listener must
// Expect it.
func NewSession(cfg SessionConfig) *Session {
	s := &Session{
		key:       cfg.Key,
		resume:    cfg.Resume,
		ackDelay:  ackDelay,
		connected: make(chan struct{}),
		done:      make(chan struct{}),
	}
	s.input = Input{s: s, turn: make(chan struct{}, 1)}
	s.output = Output{s: s}
	s.out.setWindow(defaultWindow)
	return s
}

// Connected is closed once the first HELLO has been answered.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Hello is the runner's last HELLO, without the key.
func (s *Session) Hello() Hello {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hello
}

// Live tells whether the runner is connected now.
func (s *Session) Live() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link != nil
}

// LastError is the last thing that went wrong: a *ProtocolError when the runner
// broke a rule, another error when the connection did. It is nil while nothing
// happened but that the runner hung up.
func (s *Session) LastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lastErr
}

// Input is the stream to the program, Output the one from it.
func (s *Session) Input() *Input   { return &s.input }
func (s *Session) Output() *Output { return &s.output }

// Close ends the Session: the process is gone. What it had written to the
// channel before is still taken in, for which Close waits; then every blocked
// call returns. Output and messages already received can still be read.
func (s *Session) Close() error {
	l, first := s.end(ErrClosed)
	if first && l != nil {
		timeout := time.NewTimer(drainTimeout)
		defer timeout.Stop()
		select {
		case <-l.gone:
		case <-timeout.C:
		}
	}
	return s.finish(l, first)
}

// Detach closes the connection without ending anything, at a Hub's shutdown.
// Acks given before are still sent, so let those who ack finish first. Output
// that was not acked is not returned any more: the runner sends it again to
// the next Hub process.
func (s *Session) Detach() error {
	l, first := s.end(ErrDetached)
	if first && l != nil {
		s.push()
		timeout := time.NewTimer(detachTimeout)
		defer timeout.Stop()
		select {
		case <-s.idle(l):
			// A runner that finds the connection broken might not read the
			// last acks in it. Let it come to the end and hang up first.
			l.closeWrite()
			select {
			case <-l.gone:
			case <-timeout.C:
			}
		case <-l.gone:
		case <-timeout.C:
		}
	}
	return s.finish(l, first)
}

// end marks the Session as ended for the reason why, and tells whether this
// call was the first to.
func (s *Session) end(why error) (*link, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := s.ended == nil
	if first {
		s.ended = why
		s.drained = why == ErrDetached || s.link == nil
		s.wakeAll()
		if s.link != nil {
			s.markAcksDue(s.link)
		}
	}
	return s.link, first
}

// finish drops the connection, if any, and waits until its goroutines ended.
func (s *Session) finish(l *link, first bool) error {
	if !first {
		<-s.done
		return nil
	}
	if l != nil {
		l.shut()
		<-l.gone
	}
	s.mu.Lock()
	s.drained = true
	s.stopTimer()
	s.in.drop()
	s.wakeAll()
	s.mu.Unlock()
	s.out.acking.Wait()
	close(s.done)
	return nil
}

func (s *Session) wakeAll() {
	s.in.moved.fire()
	s.out.ready.fire()
	s.sent.room.fire()
	s.recv.ready.fire()
	s.recv.room.fire()
}

// await blocks until ch is closed. The caller then looks at the state again.
func await(ctx context.Context, ch <-chan struct{}) error {
	select {
	case <-ch:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
