package replica

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync"

	"github.com/klauspost/compress/s2"

	"waverider/topic/batch"
)

// Frames can be sent as a pack: 'Z', the size of what follows (4 bytes), and
// whole frames as one block of S2. A receiver that takes packs says so in its
// answer. Packs make a far or narrow line carry more, and cost about as much as
// TLS does for the bytes they save.
const (
	kindPack = 'Z'
	packHead = 5
	packS2   = "s2"

	packLeast = 512                           // bytes of frames worth a try
	packMost  = batch.MaxRecord + 4*frameData // of the frames in one
	packRest  = 32                            // packs that are not tried after one that did not get smaller
)

var packBuffers = sync.Pool{New: func() any { b := make([]byte, 0, packHead+s2.MaxEncodedLen(frameData+frameData/2)); return &b }}

// packOf is how a sender may pack, of what it can.
func packOf(h hello) string {
	if h.Pack == packS2 {
		return packS2
	}
	return ""
}

// packer makes packs where that helps.
type packer struct {
	on   bool
	rest int // so many more are sent as they are
}

// pack is buf as it is to be sent, to be given back by done.
func (p *packer) pack(buf []byte) (out []byte, done func()) {
	if !p.on || len(buf) < packLeast || len(buf) > packMost {
		return buf, func() {}
	}
	if p.rest > 0 {
		p.rest--
		return buf, func() {}
	}
	to := packBuffers.Get().(*[]byte)
	need := packHead + s2.MaxEncodedLen(len(buf))
	if cap(*to) < need {
		*to = make([]byte, 0, need)
	}
	small := s2.Encode((*to)[packHead:need], buf)
	if len(small) > len(buf)*7/8 {
		p.rest = packRest
		packBuffers.Put(to)
		return buf, func() {}
	}
	out = (*to)[:packHead+len(small)]
	out[0] = kindPack
	binary.LittleEndian.PutUint32(out[1:], uint32(len(small)))
	return out, func() { giveBack(to) }
}

// unpacker reads frames, packed or not.
type unpacker struct {
	conn   io.Reader
	packed bytes.Reader
	frames *[]byte // what packed reads; nil: nothing
}

// head reads the head of the next frame.
func (u *unpacker) head(p *[headSize]byte) error {
	if u.packed.Len() > 0 {
		return u.full(&u.packed, p[:])
	}
	u.drop() // what comes next may be long in coming
	if _, err := io.ReadFull(u.conn, p[:1]); err != nil {
		return err
	}
	if p[0] != kindPack {
		return u.full(u.conn, p[1:])
	}
	if err := u.open(); err != nil {
		return err
	}
	return u.full(&u.packed, p[:])
}

// body is where the rest of the frame is read.
func (u *unpacker) body() io.Reader {
	if u.packed.Len() > 0 {
		return &u.packed
	}
	return u.conn
}

// full reads what must be there.
func (u *unpacker) full(r io.Reader, p []byte) error {
	if _, err := io.ReadFull(r, p); err == io.EOF {
		return io.ErrUnexpectedEOF
	} else if err != nil {
		return err
	}
	return nil
}

// open reads a pack.
func (u *unpacker) open() (err error) {
	var size [packHead - 1]byte
	if err := u.full(u.conn, size[:]); err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(size[:])
	if n == 0 || n > packMost {
		return breach("a pack of %d bytes", n)
	}
	small := packBuffers.Get().(*[]byte)
	defer func() { giveBack(small) }()
	if *small, err = readBody(u.conn, (*small)[:0], int(n)); err != nil {
		return err
	}
	large, err := s2.DecodedLen(*small)
	if err != nil || large < headSize || large > packMost {
		return breach("a pack that is none")
	}
	u.frames = packBuffers.Get().(*[]byte)
	if *u.frames, err = s2.Decode((*u.frames)[:cap(*u.frames)], *small); err != nil {
		return breach("a pack that is none")
	}
	u.packed.Reset(*u.frames)
	return nil
}

// drop gives back what held the last pack.
func (u *unpacker) drop() {
	if u.frames != nil {
		giveBack(u.frames)
		u.frames = nil
		u.packed.Reset(nil)
	}
}

// giveBack keeps a buffer for others, unless it is of a large record.
func giveBack(b *[]byte) {
	if cap(*b) <= 4*frameData {
		packBuffers.Put(b)
	}
}
