package runner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// errReplaced ends the goroutines of a connection that is not the live one.
var errReplaced = errors.New("runner: connection replaced")

// serve makes conn the Session's connection and lives as long as it does.
func (s *Session) serve(conn net.Conn, f *FrameReader, hello Hello) error {
	l := newLink(conn)
	defer close(l.gone)
	defer l.shut()
	first, old, err := s.attach(l, hello)
	if err != nil {
		s.note(err)
		return err
	}
	if old != nil {
		old.shut()
	}
	s.mu.Lock()
	s.writeLocked(l) // WELCOME, then what the runner has not got yet
	if first {
		close(s.connected)
	}
	err = s.read(l, f)
	l.shut()
	s.detach(l, err)
	l.wg.Wait()
	return err
}

// attach takes over the positions of hello and makes l the live connection in
// the place of old. It leaves l.writing set and WELCOME as the first thing to
// be written.
func (s *Session) attach(l *link, hello Hello) (first bool, old *link, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return false, nil, s.ended
	}
	if !s.greeted {
		err = s.adopt(hello)
	} else {
		err = s.continues(hello)
	}
	if err != nil {
		return false, nil, err
	}
	first, s.greeted = !s.greeted, true
	hello.Key = ""
	s.hello = hello
	s.in.limit = hello.Input.Limit
	s.in.ack(hello.Input.Received)
	s.in.moved.fire()
	s.sent.ack(hello.Messages.Received)
	if l.rest, err = s.welcome().frame(); err != nil {
		return false, nil, err
	}
	old = s.link
	s.begin(l, hello)
	return first, old, nil
}

// begin makes l the live connection and sets what it still has to carry.
func (s *Session) begin(l *link, hello Hello) {
	l.writing = true
	l.inputSent, l.inputEnded = hello.Input.Received, hello.Input.Ended
	l.messageSent = hello.Messages.Received
	l.toldAcked, l.toldLimit = hello.Output.Acked, s.out.limit
	l.windowDue = s.out.acked > l.toldAcked || s.out.endAcked
	l.handledTold = hello.Messages.Next - 1
	l.handledDue = s.recv.ackable() > l.handledTold
	if s.link != nil {
		s.link.over = true
	}
	s.link = l
}

func (s *Session) welcome() Welcome {
	return Welcome{
		Version:  Version,
		Input:    WelcomeInput{Acked: s.in.acked},
		Output:   WelcomeOutput{Received: s.out.received, Limit: s.out.limit},
		Messages: WelcomeMessages{Received: s.recv.received, Next: s.sent.acked + 1},
	}
}

// adopt takes the first HELLO. A runner nobody talked to begins at zero; one
// that an earlier Hub process talked to tells where it is.
func (s *Session) adopt(h Hello) error {
	if !s.resume && (h.Input.Received != 0 || h.Input.Ended || h.Output.Acked != 0 ||
		h.Messages.Received != 0 || h.Messages.Next != 1) {
		return violation("a new runner claims to have been talked to before")
	}
	s.in.acked, s.in.accepted = h.Input.Received, h.Input.Received
	s.in.ended = s.in.ended || h.Input.Ended
	s.out.acked, s.out.received = h.Output.Acked, h.Output.Acked
	// The earlier Hub process may have allowed more than we begin with.
	s.out.limit = min(h.Output.Next, h.Output.Acked+maxWindow)
	s.out.raiseLimit()
	s.sent.acked = h.Messages.Received
	s.recv.received = h.Messages.Next - 1
	s.recv.handled, s.recv.taken = s.recv.received, s.recv.received
	return nil
}

// continues checks a later HELLO against what this Session knows: whatever
// one side forgot, the other must still have.
func (s *Session) continues(h Hello) error {
	st := &s.out
	switch {
	case h.Input.Received < s.in.acked || h.Input.Received > s.in.accepted:
		return violation("input at %d, expected %d to %d", h.Input.Received, s.in.acked, s.in.accepted)
	case h.Input.Limit < s.in.limit:
		return violation("input limit goes back from %d to %d", s.in.limit, h.Input.Limit)
	case h.Input.Ended && (!s.in.ended || h.Input.Received != s.in.accepted):
		return violation("input ended at %d, not by us", h.Input.Received)
	case h.Output.Acked > st.acked:
		return violation("output acked up to %d, not by us", h.Output.Acked)
	case h.Output.Next < st.received:
		return violation("output goes back from %d to %d", st.received, h.Output.Next)
	case h.Messages.Received < s.sent.acked || h.Messages.Received > s.sent.last():
		return violation("message %d handled, expected %d to %d", h.Messages.Received, s.sent.acked, s.sent.last())
	case h.Messages.Next > s.recv.received+1:
		return violation("messages go on at %d, expected %d", h.Messages.Next, s.recv.received+1)
	}
	return nil
}

// detach lets go of a connection that has ended because of err.
func (s *Session) detach(l *link, err error) {
	s.mu.Lock()
	l.over = true
	live := s.link == l
	if live {
		s.link = nil
	}
	s.mu.Unlock()
	if live {
		s.note(err)
	}
}

// note remembers why a connection ended, unless that was in order.
func (s *Session) note(err error) {
	if errors.Is(err, errReplaced) || errors.Is(err, io.EOF) {
		return
	}
	var broken *ProtocolError
	if !errors.As(err, &broken) {
		err = fmt.Errorf("read channel: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.lastErr = err
	}
}

// markAcksDue makes the next push tell all acks. Under mu.
func (s *Session) markAcksDue(l *link) {
	l.windowDue = l.windowDue || s.out.acked > l.toldAcked
	l.handledDue = l.handledDue || s.recv.ackable() > l.handledTold
}

// read takes in frames until the connection ends or a rule is broken. It waits
// for nobody but the runner, except when a flood of messages is unhandled.
func (s *Session) read(l *link, f *FrameReader) error {
	for {
		h, err := f.Next()
		if err != nil {
			return err
		}
		switch h.Type {
		case FrameData:
			err = s.readData(l, f, h)
		case FrameWindow:
			err = s.readWindow(l, f, h)
		case FrameMark:
			err = s.readMark(l, f, h)
		case FrameMessage:
			err = s.readMessage(l, f, h)
		case FrameEnd:
			if err = s.readEnd(l, h); err == nil {
				s.push()
			}
		default:
			err = violation("unexpected %s", h.Type)
		}
		if err != nil {
			return err
		}
	}
}

// readWindow takes in acks and credit.
func (s *Session) readWindow(l *link, f *FrameReader, h Header) error {
	switch h.Stream {
	case StreamControl:
		return s.readHandled(l, h)
	case StreamInput:
	default:
		return violation("WINDOW on stream %d", h.Stream)
	}
	var payload [8]byte
	if h.Length != uint32(len(payload)) {
		return violation("WINDOW of %d bytes on stream %d", h.Length, h.Stream)
	}
	if _, err := io.ReadFull(f, payload[:]); err != nil {
		return err
	}
	limit := binary.BigEndian.Uint64(payload[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link != l:
		return errReplaced
	case h.Number < s.in.acked || h.Number > l.inputSent:
		return violation("WINDOW acks %d, expected %d to %d", h.Number, s.in.acked, l.inputSent)
	case limit < s.in.limit:
		return violation("input limit goes back from %d to %d", s.in.limit, limit)
	}
	s.in.limit = limit
	s.in.ack(h.Number)
	s.in.moved.fire()
	return nil
}

func (s *Session) readHandled(l *link, h Header) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link != l:
		return errReplaced
	case h.Length != 0:
		return violation("WINDOW of %d bytes on stream 0", h.Length)
	case h.Number < s.sent.acked || h.Number > l.messageSent:
		return violation("WINDOW acks message %d, expected %d to %d", h.Number, s.sent.acked, l.messageSent)
	}
	s.sent.ack(h.Number)
	return nil
}
