package runner

import (
	"context"
	"encoding/binary"
	"io"
	"sync"
	"time"
)

const (
	defaultWindow = 64 << 10
	maxWindow     = 4 << 20
)

// Output is the stream program → Hub. One goroutine reads it.
type Output struct{ s *Session }

// outputState is the stream as Session.mu guards it.
type outputState struct {
	window   uint64
	acked    uint64 // the next holder has everything before
	received uint64
	limit    uint64 // offset the runner may send up to; never goes back
	ended    bool   // END came: received is the length
	endAcked bool
	queued   queue[piece] // received, not yet returned by Next
	ready    signal       // queued, marks, ended or the Session changed
	marks    markState

	timer  *time.Timer // sends acks that waited long enough
	armed  bool
	acking sync.WaitGroup // timer callbacks under way
}

// piece is a received part of the stream; its buffer may hold others.
type piece struct {
	buf   *buffer
	start uint64
	data  []byte
}

// Chunk is a piece of output. Release gives its buffer back; call it once.
type Chunk struct {
	Offset uint64
	Data   []byte
	buf    *buffer
}

// Release gives the Chunk's buffer back: Data must not be used afterwards.
func (c Chunk) Release() {
	if c.buf != nil {
		c.buf.release()
	}
}

// Next returns the next piece in order, io.EOF once END came and all was
// returned, io.ErrUnexpectedEOF when the Session was closed before END,
// ErrDetached after Detach. Marks that come up to there are dropped.
func (o *Output) Next(ctx context.Context) (Chunk, error) {
	c, _, err := o.next(ctx, false)
	return c, err
}

// NextMarked is Next for those who want marks: it returns the next piece, the
// marks up to its end, or both. A Chunk without Data is no piece, it needs no
// Release. No mark comes before the output it speaks of. The slice is valid
// until the next call.
//
// A mark may come behind END: a call after io.EOF returns it, or io.EOF again.
// Close first, then call until io.EOF, and the last one is there.
func (o *Output) NextMarked(ctx context.Context) (Chunk, []Mark, error) {
	return o.next(ctx, true)
}

func (o *Output) next(ctx context.Context, marked bool) (Chunk, []Mark, error) {
	s := o.s
	for {
		s.mu.Lock()
		st := &s.out
		switch {
		case s.ended == ErrDetached:
			s.mu.Unlock()
			return Chunk{}, nil, ErrDetached
		case st.queued.len() > 0:
			p := st.queued.pop()
			marks := st.marks.take(p.start + uint64(len(p.data)))
			s.mu.Unlock()
			return Chunk{Offset: p.start, Data: p.data, buf: p.buf}, marks, nil
		case marked && len(st.marks.pending) > 0:
			at := st.received
			marks := st.marks.take(at)
			s.mu.Unlock()
			return Chunk{Offset: at}, marks, nil
		case st.ended:
			s.mu.Unlock()
			return Chunk{}, nil, io.EOF
		case s.drained:
			s.mu.Unlock()
			return Chunk{}, nil, io.ErrUnexpectedEOF
		}
		ready := st.ready.wait()
		s.mu.Unlock()
		if err := await(ctx, ready); err != nil {
			return Chunk{}, nil, err
		}
	}
}

// Buffered tells whether Next would return at once.
func (o *Output) Buffered() bool {
	s := o.s
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.queued.len() > 0 || s.out.ended || s.drained
}

// IdleMarks waits for marks of a program that works through its input and emits
// nothing. It fails with io.EOF when there is output, or will be none any more.
func (o *Output) IdleMarks(ctx context.Context) ([]Mark, error) {
	s := o.s
	for {
		s.mu.Lock()
		st := &s.out
		at := st.received
		if st.queued.len() > 0 {
			at = st.queued.at(0).start
		}
		marks := st.marks.take(at)
		over := st.queued.len() > 0 || st.ended || s.drained || s.ended != nil
		ready := st.ready.wait()
		s.mu.Unlock()
		switch {
		case len(marks) > 0:
			return marks, nil
		case over:
			return nil, io.EOF
		}
		if err := await(ctx, ready); err != nil {
			return nil, err
		}
	}
}

// Ack tells that everything before offset has reached the next holder. It is
// sent at once when a quarter of the window is free or the ack before is 5 ms
// old, else when it is: what a reader has and the runner does not know of comes
// twice if the Hub is killed.
func (o *Output) Ack(offset uint64) {
	s := o.s
	s.mu.Lock()
	offset = min(offset, s.out.received)
	if offset <= s.out.acked {
		s.mu.Unlock()
		return
	}
	s.out.acked = offset
	s.out.raiseLimit()
	l := s.link
	if l == nil {
		s.mu.Unlock()
		return
	}
	if wait := s.ackDelay - time.Since(l.toldAt); wait > 0 && !s.out.worthTelling(l) {
		s.armTimer(wait)
		s.mu.Unlock()
		return
	}
	l.windowDue = true
	s.mu.Unlock()
	s.push()
}

// AckEnd acks END, and with it all of the stream: the runner may exit. It does
// nothing before END came.
func (o *Output) AckEnd() {
	s := o.s
	s.mu.Lock()
	if !s.out.ended {
		s.mu.Unlock()
		return
	}
	s.out.acked, s.out.endAcked = s.out.received, true
	if s.link != nil {
		s.link.windowDue = true
	}
	s.mu.Unlock()
	s.push()
}

// SetWindow sets how many bytes may be under way (default 64 KiB, at most 4 MiB).
func (o *Output) SetWindow(n int) {
	s := o.s
	s.mu.Lock()
	before := s.out.limit
	s.out.setWindow(n)
	if s.link != nil && s.out.limit > before {
		s.link.windowDue = true
	}
	s.mu.Unlock()
	s.push()
}

// Acked is the offset of the oldest byte not acked.
func (o *Output) Acked() uint64 {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.out.acked
}

// Received is the offset of the next byte to come.
func (o *Output) Received() uint64 {
	o.s.mu.Lock()
	defer o.s.mu.Unlock()
	return o.s.out.received
}

func (st *outputState) setWindow(n int) {
	st.window = uint64(max(1, min(n, maxWindow)))
	st.raiseLimit()
}

func (st *outputState) raiseLimit() { st.limit = max(st.limit, st.acked+st.window) }

// worthTelling decides whether the runner should hear of an ack at once.
func (st *outputState) worthTelling(l *link) bool {
	quarter := max(1, st.window/4)
	return st.acked-l.toldAcked >= quarter || st.limit-l.toldLimit >= quarter
}

// appendWindow adds the WINDOW frame that is due to b. When END has come, the
// ack of the last byte is the ack of END and waits for AckEnd.
func (st *outputState) appendWindow(b []byte, l *link) []byte {
	if !l.windowDue || st.ended && !st.endAcked && st.acked == st.received {
		return b
	}
	l.windowDue = false
	l.toldAcked, l.toldLimit, l.toldAt = st.acked, st.limit, time.Now()
	h := Header{Type: FrameWindow, Stream: StreamOutput, Length: 8, Number: st.acked}
	return binary.BigEndian.AppendUint64(h.Append(b), st.limit)
}

// armTimer makes sure that acks are sent within wait. Under mu.
func (s *Session) armTimer(wait time.Duration) {
	st := &s.out
	if st.armed || s.ended != nil {
		return
	}
	st.armed = true
	st.acking.Add(1)
	if st.timer == nil {
		st.timer = time.AfterFunc(wait, s.tellAcks)
	} else {
		st.timer.Reset(wait)
	}
}

func (s *Session) tellAcks() {
	defer s.out.acking.Done()
	s.mu.Lock()
	s.out.armed = false
	if l := s.link; l != nil && s.out.acked > l.toldAcked {
		l.windowDue = true
	}
	s.mu.Unlock()
	s.push()
}

func (s *Session) stopTimer() {
	if s.out.armed && s.out.timer.Stop() {
		s.out.armed = false
		s.out.acking.Done()
	}
}
