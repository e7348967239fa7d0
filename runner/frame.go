package runner

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderSize is the size of a frame's header, MaxLength the longest payload.
const (
	HeaderSize = 16
	MaxLength  = 16 << 20
)

// FrameType says what a frame is.
type FrameType uint8

const (
	FrameHello   FrameType = 1
	FrameWelcome FrameType = 2
	FrameData    FrameType = 3
	FrameWindow  FrameType = 4
	FrameEnd     FrameType = 5
	FrameMessage FrameType = 6
	FrameMark    FrameType = 7
)

func (t FrameType) String() string {
	names := [...]string{1: "HELLO", 2: "WELCOME", 3: "DATA", 4: "WINDOW", 5: "END", 6: "MESSAGE", 7: "MARK"}
	if int(t) < len(names) && t > 0 {
		return names[t]
	}
	return fmt.Sprintf("frame of type %d", uint8(t))
}

// Streams of a channel.
const (
	StreamControl uint16 = 0
	StreamInput   uint16 = 1 // Hub → runner
	StreamOutput  uint16 = 2 // runner → Hub
)

// Header is what every frame begins with.
type Header struct {
	Type   FrameType
	Flags  uint8
	Stream uint16
	Length uint32
	Number uint64
}

// Append adds the encoded header to b.
func (h Header) Append(b []byte) []byte {
	b = append(b, byte(h.Type), h.Flags)
	b = binary.BigEndian.AppendUint16(b, h.Stream)
	b = binary.BigEndian.AppendUint32(b, h.Length)
	return binary.BigEndian.AppendUint64(b, h.Number)
}

// ParseHeader decodes the first HeaderSize bytes of b.
func ParseHeader(b []byte) Header {
	_ = b[HeaderSize-1]
	return Header{
		Type:   FrameType(b[0]),
		Flags:  b[1],
		Stream: binary.BigEndian.Uint16(b[2:]),
		Length: binary.BigEndian.Uint32(b[4:]),
		Number: binary.BigEndian.Uint64(b[8:]),
	}
}

// ProtocolError is a rule of the runner protocol that the other side broke.
type ProtocolError struct{ Reason string }

func (e *ProtocolError) Error() string { return "runner protocol: " + e.Reason }

func violation(format string, args ...any) error {
	return &ProtocolError{Reason: fmt.Sprintf(format, args...)}
}

const (
	idleRead   = 4 << 10  // what a waiting FrameReader holds
	busyRead   = 64 << 10 // what it reads at once while small frames stream in
	directRead = 16 << 10 // payloads from here on bypass its buffer
)

// FrameReader takes a byte stream apart into frames. Small frames share a read
// of the underlying stream; large payloads can be read past its buffer.
type FrameReader struct {
	r    io.Reader
	buf  *buffer // nil until needed
	i, j int     // buf.b[i:j] is read but not consumed
	left int     // payload bytes of the current frame not consumed
	size int     // of the buffer to read into next
	err  error   // came with the last bytes
}

// NewFrameReader reads frames from r. Release it at the end.
func NewFrameReader(r io.Reader) *FrameReader { return &FrameReader{r: r, size: idleRead} }

// Next skips what is left of the current frame and returns the next header.
// io.EOF means that the stream ended between two frames.
func (f *FrameReader) Next() (Header, error) {
	for f.left > 0 {
		if len(f.buffered()) == 0 {
			if err := f.fill(); err != nil {
				return Header{}, cut(err)
			}
		}
		f.skip(len(f.buffered()))
	}
	for f.j-f.i < HeaderSize {
		if err := f.fill(); err != nil {
			if f.i < f.j {
				err = cut(err)
			}
			return Header{}, err
		}
	}
	h := ParseHeader(f.buf.b[f.i:])
	if h.Length > MaxLength {
		return h, violation("%s of %d bytes is over the limit of %d", h.Type, h.Length, MaxLength)
	}
	f.i += HeaderSize
	f.left = int(h.Length)
	return h, nil
}

// Read reads the payload of the current frame; io.EOF at its end.
func (f *FrameReader) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(f.buffered()) == 0 {
		if len(p) >= directRead && f.left >= directRead {
			return f.direct(p)
		}
		if err := f.fill(); err != nil {
			return 0, cut(err)
		}
	}
	n := copy(p, f.buffered())
	f.skip(n)
	return n, nil
}

// Release gives the buffer back. The FrameReader is of no use afterwards.
func (f *FrameReader) Release() {
	if f.buf != nil {
		f.buf.release()
		f.buf = nil
	}
	f.i, f.j, f.left = 0, 0, 0
	f.err = io.ErrClosedPipe
}

// buffered is the part of the payload that is in memory, until the next call.
func (f *FrameReader) buffered() []byte {
	if n := min(f.left, f.j-f.i); n > 0 {
		return f.buf.b[f.i : f.i+n]
	}
	return nil
}

func (f *FrameReader) skip(n int) {
	f.i += n
	f.left -= n
}

// direct reads payload past the buffer, which must hold none of it.
func (f *FrameReader) direct(p []byte) (int, error) {
	if f.err != nil {
		return 0, cut(f.err)
	}
	n, err := readSome(f.r, p[:min(len(p), f.left)])
	f.left -= n
	f.size = idleRead // the buffer is for headers now
	f.err = err
	if n > 0 {
		return n, nil
	}
	return 0, cut(err)
}

// fill reads once into the buffer, of which at most a part of a header is
// still unread.
func (f *FrameReader) fill() error {
	if f.err != nil {
		return f.err
	}
	f.resize()
	space := f.buf.b[f.j:]
	n, err := readSome(f.r, space)
	f.j += n
	if n == len(space) {
		f.size = min(4*f.size, busyRead)
	} else if n < f.size/4 {
		f.size = max(f.size/4, idleRead)
	}
	f.err = err
	if n > 0 {
		return nil
	}
	return err
}

// resize makes the buffer fit the traffic and moves what is unread to its start.
func (f *FrameReader) resize() {
	if f.buf == nil || len(f.buf.b) != f.size {
		b := getBuffer(f.size - HeaderSize)
		if f.buf != nil {
			f.j = copy(b.b, f.buf.b[f.i:f.j])
			f.buf.release()
		}
		f.buf, f.i = b, 0
		return
	}
	f.j = copy(f.buf.b, f.buf.b[f.i:f.j])
	f.i = 0
}

func readSome(r io.Reader, p []byte) (int, error) {
	for range 100 {
		if n, err := r.Read(p); n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.ErrNoProgress
}

// cut is what an end inside a frame is called.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
