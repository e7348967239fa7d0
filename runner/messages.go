package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

const (
	maxMessages     = 1024     // unacked ones we sent, unhandled ones we got
	maxMessageBytes = 32 << 20 // of either, unless it is a single one
	handledBatch    = 64       // acks of messages that come in a row go together
)

// outbox holds the messages to the runner that it has not acked.
type outbox struct {
	acked uint64        // the runner has handled those up to this number
	kept  queue[[]byte] // whole frames of acked+1, acked+2, …
	bytes int           // of kept
	room  signal
}

// inbox holds the messages from the runner that were not handled.
type inbox struct {
	received uint64   // number of the last one taken in
	handled  uint64   // number of the last one handled
	taken    uint64   // number of the last one Receive returned
	held     []uint64 // numbers of those that are not to be acked yet, oldest first
	queued   queue[Message]
	bytes    int // of queued
	ready    signal
	room     signal
	settled  signal // handled moved
}

// Send queues a control message {"type": typ, …fields of v} (v may be nil or
// a struct that marshals to an object). It returns when the message is queued,
// blocks when 1,024 are unacked, and fails when ctx or the Session ends.
func (s *Session) Send(ctx context.Context, typ string, v any) error {
	frame, err := encodeMessage(typ, v)
	if err != nil {
		return fmt.Errorf("message %s: %w", typ, err)
	}
	for {
		s.mu.Lock()
		if err := s.ended; err != nil {
			s.mu.Unlock()
			return err
		}
		if s.sent.takes(len(frame)) {
			s.sent.kept.push(frame)
			s.sent.bytes += len(frame)
			s.mu.Unlock()
			s.push()
			return nil
		}
		room := s.sent.room.wait()
		s.mu.Unlock()
		if err := await(ctx, room); err != nil {
			return err
		}
	}
}

// Receive returns the next message in order. The one before it is acked by
// this call, unless it is held. io.EOF after Close, once those received before were returned;
// ErrDetached after Detach. One goroutine at a time calls it.
func (s *Session) Receive(ctx context.Context) (Message, error) {
	s.mu.Lock()
	if s.recv.handled != s.recv.taken {
		s.recv.handled = s.recv.taken
		s.recv.settled.fire()
	}
	if l := s.link; l != nil && s.recv.worthTelling(l) {
		l.handledDue = true
		s.mu.Unlock()
		s.push()
		s.mu.Lock()
	}
	for {
		switch {
		case s.ended == ErrDetached:
			s.mu.Unlock()
			return Message{}, ErrDetached
		case s.recv.queued.len() > 0:
			m := s.recv.queued.pop()
			s.recv.taken = m.Number
			s.recv.bytes -= len(m.Data)
			s.recv.room.fire()
			s.mu.Unlock()
			return m, nil
		case s.drained:
			s.mu.Unlock()
			return Message{}, io.EOF
		}
		ready := s.recv.ready.wait()
		s.mu.Unlock()
		if err := await(ctx, ready); err != nil {
			return Message{}, err
		}
		s.mu.Lock()
	}
}

// Hold keeps the message that Receive returned last from being acked, and with
// it those after it, until release is called: should this Hub process end before,
// the next one is sent it again.
func (s *Session) Hold() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number := s.recv.taken
	s.recv.held = append(s.recv.held, number)
	return sync.OnceFunc(func() {
		s.mu.Lock()
		s.recv.held = slices.DeleteFunc(s.recv.held, func(n uint64) bool { return n == number })
		if l := s.link; l != nil && s.recv.ackable() > l.handledTold {
			l.handledDue = true
		}
		s.mu.Unlock()
		s.push()
	})
}

// Settled waits until the messages that have come so far are handled. It
// returns io.EOF when nobody will handle them.
func (s *Session) Settled(ctx context.Context) error {
	s.mu.Lock()
	upTo := s.recv.received
	for {
		if s.recv.handled >= upTo {
			s.mu.Unlock()
			return nil
		}
		if s.drained || s.ended != nil {
			s.mu.Unlock()
			return io.EOF
		}
		settled := s.recv.settled.wait()
		s.mu.Unlock()
		if err := await(ctx, settled); err != nil {
			return err
		}
		s.mu.Lock()
	}
}

// encodeMessage makes the frame of a message; its number is put in when it is
// sent.
func encodeMessage(typ string, v any) ([]byte, error) {
	var fields []byte
	if v != nil {
		var err error
		if fields, err = json.Marshal(v); err != nil {
			return nil, err
		}
		switch {
		case string(fields) == "null" || string(fields) == "{}":
			fields = nil
		case fields[0] != '{':
			return nil, errors.New("not an object")
		}
	}
	name, err := json.Marshal(typ)
	if err != nil {
		return nil, err
	}
	frame := make([]byte, HeaderSize, HeaderSize+len(`{"type":,}`)+len(name)+len(fields))
	frame = append(append(frame, `{"type":`...), name...)
	if fields == nil {
		frame = append(frame, '}')
	} else {
		frame = append(append(frame, ','), fields[1:]...)
	}
	if len(frame)-HeaderSize > MaxLength {
		return nil, fmt.Errorf("%d bytes are over the limit of %d", len(frame)-HeaderSize, MaxLength)
	}
	return frame, nil
}

func (o *outbox) takes(n int) bool {
	return o.kept.len() == 0 || o.kept.len() < maxMessages && o.bytes+n <= maxMessageBytes
}

// last is the number of the newest message.
func (o *outbox) last() uint64 { return o.acked + uint64(o.kept.len()) }

func (o *outbox) ack(number uint64) {
	for o.acked < number {
		o.bytes -= len(o.kept.pop())
		o.acked++
	}
	o.room.fire()
}

// appendMessages adds messages not sent on l to b, the writer's scratch, or
// returns one that is to be written by itself.
func (o *outbox) appendMessages(b []byte, l *link) (scratch, large []byte) {
	for l.messageSent < o.last() {
		frame := *o.kept.at(int(l.messageSent - o.acked))
		if frame[0] == 0 { // once: a broken connection's writer may still read it
			h := Header{Type: FrameMessage, Length: uint32(len(frame) - HeaderSize), Number: l.messageSent + 1}
			h.Append(frame[:0])
		}
		if len(frame) > cap(b)-len(b) {
			if len(b) > 0 {
				return b, b // full: these first
			}
			l.messageSent++
			return b, frame
		}
		b = append(b, frame...)
		l.messageSent++
	}
	return b, nil
}

func (in *inbox) takes(n int) bool {
	return in.queued.len() == 0 || in.queued.len() < maxMessages && in.bytes+n <= maxMessageBytes
}

// worthTelling decides whether an ack goes out now or with later ones.
func (in *inbox) worthTelling(l *link) bool {
	due := in.ackable()
	return due > l.handledTold && (in.queued.len() == 0 || due-l.handledTold >= handledBatch)
}

// ackable is the number up to which messages are handled and not held.
func (in *inbox) ackable() uint64 {
	if len(in.held) > 0 {
		return min(in.handled, in.held[0]-1)
	}
	return in.handled
}

func (in *inbox) appendHandled(b []byte, l *link) []byte {
	if !l.handledDue || cap(b)-len(b) < HeaderSize {
		return b
	}
	l.handledDue = false
	l.handledTold = in.ackable()
	return Header{Type: FrameWindow, Number: l.handledTold}.Append(b)
}

// readMessage takes in a MESSAGE. It waits while too many are unhandled: what
// the runner sends then stays in the socket.
func (s *Session) readMessage(l *link, f *FrameReader, h Header) error {
	if h.Stream != StreamControl || h.Number == 0 {
		return violation("MESSAGE %d on stream %d", h.Number, h.Stream)
	}
	for {
		s.mu.Lock()
		received, replaced := s.recv.received, s.link != l
		var room <-chan struct{}
		if !s.recv.takes(int(h.Length)) {
			room = s.recv.room.wait()
		}
		s.mu.Unlock()
		switch {
		case replaced:
			return errReplaced
		case h.Number <= received:
			return nil // sent again after a reconnect: Next skips it
		case h.Number > received+1:
			return violation("MESSAGE %d, expected %d", h.Number, received+1)
		case room == nil:
			m, err := decodeMessage(f, h)
			if err != nil {
				return err
			}
			return s.queueMessage(l, m)
		}
		select {
		case <-room:
		case <-l.quit:
			return errReplaced
		}
	}
}

func (s *Session) queueMessage(l *link, m Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return errReplaced
	}
	s.recv.received = m.Number
	s.recv.queued.push(m)
	s.recv.bytes += len(m.Data)
	s.recv.ready.fire()
	return nil
}

// decodeMessage reads the payload as it comes: a length alone takes no memory.
func decodeMessage(f *FrameReader, h Header) (Message, error) {
	var body bytes.Buffer
	body.Grow(min(int(h.Length), idleRead))
	if _, err := body.ReadFrom(f); err != nil {
		return Message{}, err
	}
	var m struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(body.Bytes(), &m); err != nil {
		return Message{}, violation("MESSAGE %d: %v", h.Number, err)
	}
	if m.Type == "" {
		return Message{}, violation("MESSAGE %d has no type", h.Number)
	}
	return Message{Type: m.Type, Number: h.Number, Data: body.Bytes()}, nil
}
