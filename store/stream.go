package store

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// errUpload marks what went wrong on the sender's side of a pipe; whoever
// sees it on the far side leaves the telling to the sender.
var errUpload = errors.New("upload")

// counter counts what is read, for others to look at.
type counter struct {
	r io.Reader
	n atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// bounded is the unpacked side of an archive; it ends in an error when that
// grows out of proportion.
type bounded struct {
	r      io.Reader
	packed *counter
	n      int64
	limits Limits
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	// Headers and padding come on top of the files: at most 4 KiB for each
	// entry of a well-made archive.
	if b.n > b.limits.Unpacked+int64(b.limits.Entries)*4096 {
		return 0, tooLarge("the package unpacks to more than %d bytes", b.limits.Unpacked)
	}
	if err := b.limits.inProportion(b.n, b.packed); err != nil {
		return 0, err
	}
	return n, err
}

// inProportion refuses n unpacked bytes that come of too few packed ones.
func (l Limits) inProportion(n int64, packed *counter) error {
	if n > ratioFloor && n > packed.n.Load()*l.Ratio {
		return tooLarge("the package unpacks to more than %d times its size, which looks like a bomb", l.Ratio)
	}
	return nil
}

// conveyor hands chunks from one goroutine to another. Its few buffers go
// round, so the faster side waits.
type conveyor struct {
	full  chan chunk
	free  chan []byte
	gone  chan struct{} // closed when the reader has left
	leave sync.Once

	current chunk // the reader's
	rest    []byte
}

type chunk struct {
	data []byte
	buf  []byte // to give back
	err  error
}

const (
	chunkSize = 128 << 10
	chunks    = 4
)

var chunkPool = sync.Pool{New: func() any { return new([chunkSize]byte) }}

func newConveyor() *conveyor {
	c := &conveyor{full: make(chan chunk, chunks+1), free: make(chan []byte, chunks), gone: make(chan struct{})}
	for range chunks {
		c.free <- chunkPool.Get().(*[chunkSize]byte)[:]
	}
	return c
}

// buffer is the next buffer to fill, nil when the reader has left.
func (c *conveyor) buffer() []byte {
	select {
	case <-c.gone:
		return nil
	default:
	}
	select {
	case buf := <-c.free:
		return buf
	case <-c.gone:
		return nil
	}
}

// send hands on n bytes of a buffer. It never blocks: there is a place for
// every buffer.
func (c *conveyor) send(buf []byte, n int) { c.full <- chunk{data: buf[:n], buf: buf} }

// end is the writer's last call: io.EOF, or what went wrong.
func (c *conveyor) end(err error) { c.full <- chunk{err: err} }

func (c *conveyor) Read(p []byte) (int, error) {
	for len(c.rest) == 0 {
		if c.current.err != nil {
			return 0, c.current.err
		}
		if c.current.buf != nil {
			c.free <- c.current.buf
		}
		c.current = <-c.full
		c.rest = c.current.data
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// close is the reader's last call.
func (c *conveyor) close() { c.leave.Do(func() { close(c.gone) }) }

// recycle gives the buffers back once both sides have ended.
func (c *conveyor) recycle() {
	if c.current.buf != nil {
		chunkPool.Put((*[chunkSize]byte)(c.current.buf))
		c.current.buf = nil
	}
	for {
		select {
		case buf := <-c.free:
			chunkPool.Put((*[chunkSize]byte)(buf))
		case chunk := <-c.full:
			if chunk.buf != nil {
				chunkPool.Put((*[chunkSize]byte)(chunk.buf))
			}
		default:
			return
		}
	}
}

// ahead reads r in a goroutine, some chunks ahead of its reader.
type ahead struct {
	*conveyor
	done chan struct{}
}

func readAhead(r io.Reader) *ahead {
	a := &ahead{conveyor: newConveyor(), done: make(chan struct{})}
	go func() {
		defer close(a.done)
		for {
			buf := a.buffer()
			if buf == nil {
				return
			}
			n, err := fill(r, buf)
			a.send(buf, n)
			if err != nil {
				a.end(err)
				return
			}
		}
	}()
	return a
}

// fill is io.ReadFull that leaves errors as they are, since here a file that
// ends and one that was cut off are not the same.
func fill(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf) && err == nil {
		var m int
		m, err = r.Read(buf[n:])
		n += m
	}
	return n, err
}

// stop ends the goroutine and waits for it.
func (a *ahead) stop() {
	a.close()
	<-a.done
	a.recycle()
}
