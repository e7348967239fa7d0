package runner

import (
	"cmp"
	"encoding/binary"
	"io"
)

// Mark joins a position of the output to one of the input: what the program
// emitted until it had finished Done records of its input, and the N units
// after that, lies before Offset. Records are lines of x-ndjson input and bytes
// of any other, units are lines of x-ndjson output and bytes of any other; both
// are counted from the beginning of the run.
//
// Once the output before Offset is durable, the first Done records need not be
// given to a program again.
type Mark struct {
	Offset uint64
	Done   uint64
	N      uint64
	// Exact tells that a program which always does the same with the same
	// input will come by (Done, N) again, at the same place of its output.
	Exact bool
}

const (
	markSize  = 24
	markExact = 1 // bit of flags
	maxMarks  = 256
)

// Append adds the MARK frame to b.
func (m Mark) Append(b []byte) []byte {
	b = Header{Type: FrameMark, Stream: StreamOutput, Length: markSize, Number: m.Offset}.Append(b)
	b = binary.BigEndian.AppendUint64(b, m.Done)
	b = binary.BigEndian.AppendUint64(b, m.N)
	var flags uint64
	if m.Exact {
		flags = markExact
	}
	return binary.BigEndian.AppendUint64(b, flags)
}

// compare orders marks by what the program has done.
func (m Mark) compare(other Mark) int {
	return cmp.Or(cmp.Compare(m.Done, other.Done), cmp.Compare(m.N, other.N))
}

// markState is what Session.mu guards of the marks.
type markState struct {
	newest  Mark
	pending []Mark // not returned yet, in order; at most maxMarks
	taken   []Mark // returned last
}

// add queues a mark, unless it is one that came before a reconnect, and tells
// whether it did. ok is false for one that contradicts the newest.
func (st *markState) add(m Mark) (added, ok bool) {
	position, progress := cmp.Compare(m.Offset, st.newest.Offset), m.compare(st.newest)
	switch {
	case m == st.newest || position <= 0 && progress <= 0 && position+progress < 0:
		return false, true
	case position < 0 || progress < 0:
		return false, false
	}
	st.newest = m
	if n := len(st.pending); n > 0 && st.pending[n-1].Offset == m.Offset {
		st.pending[n-1] = m
		return true, true
	}
	if len(st.pending) == maxMarks {
		st.thin()
	}
	st.pending = append(st.pending, m)
	return true, true
}

// thin drops every second mark: who is that far behind can do without.
func (st *markState) thin() {
	kept := st.pending[:0]
	for i := 1; i < len(st.pending); i += 2 {
		kept = append(kept, st.pending[i])
	}
	st.pending = kept
}

// take returns the pending marks up to an offset. They are valid until the
// next call.
func (st *markState) take(offset uint64) []Mark {
	n := 0
	for n < len(st.pending) && st.pending[n].Offset <= offset {
		n++
	}
	if n == 0 {
		return nil
	}
	st.taken = append(st.taken[:0], st.pending[:n]...)
	st.pending = append(st.pending[:0], st.pending[n:]...)
	return st.taken
}

// readMark takes in MARK.
func (s *Session) readMark(l *link, f *FrameReader, h Header) error {
	if h.Stream != StreamOutput || h.Length != markSize {
		return violation("MARK of %d bytes on stream %d", h.Length, h.Stream)
	}
	var payload [markSize]byte
	if _, err := io.ReadFull(f, payload[:]); err != nil {
		return err
	}
	m := Mark{
		Offset: h.Number,
		Done:   binary.BigEndian.Uint64(payload[:]),
		N:      binary.BigEndian.Uint64(payload[8:]),
		Exact:  binary.BigEndian.Uint64(payload[16:])&markExact != 0,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.link != l:
		return errReplaced
	case m.Offset > s.out.received:
		return violation("MARK at %d, output has come up to %d", m.Offset, s.out.received)
	case m.Done > l.inputSent:
		return violation("MARK has %d records done of %d bytes of input", m.Done, l.inputSent)
	case m.Done > maxPosition || m.N > maxPosition:
		return violation("MARK is out of range")
	case m.Offset < l.marked.Offset || m.compare(l.marked) < 0:
		return violation("MARK goes back from %+v to %+v", l.marked, m)
	}
	l.marked = m
	added, ok := s.out.marks.add(m)
	if !ok {
		return violation("MARK %+v contradicts %+v", m, s.out.marks.newest)
	}
	if added {
		s.out.ready.fire()
	}
	return nil
}
