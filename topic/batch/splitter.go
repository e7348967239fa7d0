package batch

import (
	"bytes"
	"sync"

	"waverider"
)

// Kind says where a byte stream is cut.
type Kind uint8

const (
	Lines Kind = iota // after each "\n"
	Bytes             // anywhere: what counts is the whole
)

// ErrRecordTooLarge means a line of more than MaxRecord bytes.
var ErrRecordTooLarge error = waverider.Errorf(waverider.TooLarge, "a record is larger than 1 MiB: send smaller ones")

// Emit takes records, which lie one after the other, and their lengths. Both
// are valid until it returns. They always fit an empty Builder.
type Emit = func(records []byte, lengths []uint32) error

const (
	piece       = 64 << 10 // of a stream of bytes, at most
	maxEmitted  = 4096     // records in one call
	maxFragment = MaxRecord - 1
)

// Splitter cuts the byte stream of one producer into records. Of Lines each is
// a record, "\n" included; lines of nothing but blanks are dropped. Of Bytes
// each record is a piece of at most 64 KiB, as it came in.
//
// After an error a Splitter is at its end: it returns the same error again. It
// holds memory only while a line is unfinished, and is for one goroutine.
type Splitter struct {
	kind     Kind
	err      error
	position uint64
	pending  *buffer
	kept     int // bytes in pending
}

// NewSplitter returns a Splitter at the beginning of a stream.
func NewSplitter(kind Kind) *Splitter { return &Splitter{kind: kind} }

// Pending is how many bytes of an unfinished line are kept.
func (s *Splitter) Pending() int { return s.kept }

// Position is how many bytes of the stream are done with: they were emitted,
// or blank. During a call of emit it counts the records of that call.
func (s *Splitter) Position() uint64 { return s.position }

// lengthsPool holds memory for the lengths of one call of emit.
var lengthsPool = sync.Pool{New: func() any { return new([maxEmitted]uint32) }}

// Split takes the next bytes of the stream and emits the records that are
// whole with them, without copying those that lie in p. It fails with what
// emit fails with, and with ErrRecordTooLarge, after what came before that.
func (s *Splitter) Split(p []byte, emit Emit) error {
	if s.err != nil {
		return s.err
	}
	lengths := lengthsPool.Get().(*[maxEmitted]uint32)
	defer lengthsPool.Put(lengths)
	if s.kind == Bytes {
		s.err = s.splitBytes(p, lengths, emit)
	} else {
		s.err = s.splitLines(p, lengths, emit)
	}
	return s.err
}

// Close ends the stream: it emits a line that lacks its "\n" with one. Call it
// only if the stream came to its end; what a broken one left is no record.
func (s *Splitter) Close(emit Emit) error {
	if s.err != nil || s.kept == 0 {
		return s.err
	}
	came := s.kept
	s.append([]byte{'\n'})
	s.err = s.finish(came, make([]uint32, 1), emit)
	return s.err
}

func (s *Splitter) splitLines(p []byte, lengths *[maxEmitted]uint32, emit Emit) error {
	if s.kept > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return s.keep(p)
		}
		if s.kept+i >= MaxRecord {
			return ErrRecordTooLarge
		}
		s.append(p[:i+1])
		if err := s.finish(s.kept, lengths[:1], emit); err != nil {
			return err
		}
		p = p[i+1:]
	}
	start, at, n := 0, 0, 0
	flush := func() error {
		count := n
		n = 0
		s.position += uint64(at - start)
		records := p[start:at:at]
		start = at
		if count == 0 {
			return nil
		}
		return emit(records, lengths[:count])
	}
	for {
		i := bytes.IndexByte(p[at:], '\n')
		switch {
		case i < 0:
			if err := flush(); err != nil {
				return err
			}
			return s.keep(p[at:])
		case i >= MaxRecord:
			if err := flush(); err != nil {
				return err
			}
			return ErrRecordTooLarge
		case p[at] <= ' ' && blank(p[at:at+i]):
			if err := flush(); err != nil {
				return err
			}
			at += i + 1
			s.position += uint64(i + 1)
			start = at
			continue
		case n == maxEmitted || at-start+i >= MaxData:
			if err := flush(); err != nil {
				return err
			}
		}
		lengths[n] = uint32(i + 1)
		n++
		at += i + 1
	}
}

// blank tells whether a line holds nothing but what JSON takes for a space.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// keep keeps p, in which no line ends, for the next call.
func (s *Splitter) keep(p []byte) error {
	if s.kept+len(p) > maxFragment {
		return ErrRecordTooLarge
	}
	if len(p) > 0 {
		s.append(p)
	}
	return nil
}

func (s *Splitter) append(p []byte) {
	s.pending = s.pending.grown(s.kept, s.kept+len(p))
	s.kept += copy(s.pending.b[s.kept:], p)
}

// finish emits the line that was kept, now that it is whole. So many bytes of
// it came with the stream.
func (s *Splitter) finish(came int, lengths []uint32, emit Emit) error {
	pending, line := s.pending, s.pending.b[:s.kept]
	s.pending, s.kept = nil, 0
	defer pending.free()
	s.position += uint64(came)
	if blank(line[:len(line)-1]) {
		return nil
	}
	lengths[0] = uint32(len(line))
	return emit(line, lengths)
}

func (s *Splitter) splitBytes(p []byte, lengths *[maxEmitted]uint32, emit Emit) error {
	for len(p) > 0 {
		n, part := 0, p[:min(len(p), MaxData)]
		for rest := len(part); rest > 0; rest -= piece {
			lengths[n] = uint32(min(rest, piece))
			n++
		}
		p = p[len(part):]
		s.position += uint64(len(part))
		if err := emit(part, lengths[:n]); err != nil {
			return err
		}
	}
	return nil
}
