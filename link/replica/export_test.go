package replica

import (
	"io"
	"time"

	"waverider/topic"
)

// Hasty makes streams begin again at once.
func (o *Outbound) Hasty() { o.first = time.Millisecond }

// Rest sets how long a sender waits before it rests.
func (o *SendOptions) Rest(after time.Duration) { o.rest = after }

// Standing is what a sender knows, for the model of resume_test.go.
type Standing struct {
	Lives        []topic.Life
	Oldest, Next uint64
	Acked        uint64
	ToldEpoch    uint32
	ToldEnd      uint64
}

type Place = place

func (s Standing) Resume(at Place, past []Place) (begin uint64, renew bool) {
	b := standing{lives: s.Lives, oldest: s.Oldest, next: s.Next, acked: s.Acked, told: place{s.ToldEpoch, s.ToldEnd}}.resume(at, past)
	return b.at, b.renew
}

// Frame is what a receiver makes of one.
type Frame struct {
	Epoch   uint32
	First   uint64
	Lengths []uint32
	Data    []byte
}

// ReadFrame reads a frame of lines as a receiver does that is at a place.
func ReadFrame(r io.Reader, epoch uint32, end uint64) (f Frame, err error) {
	var p [headSize]byte
	if _, err := io.ReadFull(r, p[:]); err != nil {
		return f, err
	}
	h, err := parseHead(&p)
	if err == nil {
		k := known{last: place{epoch, end}, ends: map[uint32]uint64{epoch: end}}
		err = k.follows(h)
	}
	if err != nil {
		return f, err
	}
	body, err := readBody(r, nil, h.size())
	if err != nil {
		return f, err
	}
	f.Epoch, f.First = h.Epoch, h.End
	f.Data, f.Lengths, err = h.records(&p, body, true, nil)
	return f, err
}

func ReadAck(r io.Reader) (epoch uint32, end uint64, err error) {
	p, err := readAck(r)
	return p.Epoch, p.End, err
}

// Packer is one that is on.
type Packer struct{ p packer }

func NewPacker() *Packer { return &Packer{packer{on: true}} }

func (p *Packer) Pack(b []byte) []byte {
	out, done := p.p.pack(b)
	defer done()
	return append([]byte(nil), out...)
}

// ReadHead reads one head.
func ReadHead(r io.Reader) error {
	u := unpacker{conn: r}
	defer u.drop()
	var p [headSize]byte
	return u.head(&p)
}
