package replica

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"math"

	"waverider"
	"waverider/topic/batch"
)

// place is how far a receiver is: which life of the sender, and the number after
// the last record.
type place struct {
	Epoch uint32 `json:"epoch"`
	End   uint64 `json:"end"`
}

// before tells whether p is before q.
func (p place) before(q place) bool {
	return p.Epoch < q.Epoch || p.Epoch == q.Epoch && p.End < q.End
}

const (
	kindData  = 'D'
	kindAck   = 'A'
	kindError = 'E'

	headSize = 37
	ackSize  = 13

	frameData = 64 << 10 // bytes of data of a frame, if they are of several records
	maxWords  = 4 << 10  // bytes of a refusal
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// head is the head of a frame.
type head struct {
	place         // of its first record
	count         uint32
	missed        uint64
	lengths, data uint32 // bytes
	sum           uint32
}

// after is the place after the frame.
func (h head) after() place { return place{h.Epoch, h.End + uint64(h.count)} }

func (h head) size() int { return int(h.lengths) + int(h.data) }

// appendFrame adds a frame to buf.
func appendFrame(buf []byte, h head, part batch.Part) []byte {
	le, start := binary.LittleEndian, len(buf)
	buf = append(buf, kindData)
	buf = le.AppendUint32(buf, h.Epoch)
	buf = le.AppendUint64(buf, h.End)
	buf = le.AppendUint32(buf, h.count)
	buf = le.AppendUint64(buf, h.missed)
	buf = le.AppendUint32(buf, uint32(len(part.Lengths)))
	buf = le.AppendUint32(buf, uint32(len(part.Data)))
	buf = le.AppendUint32(buf, 0)
	buf = append(buf, part.Lengths...)
	buf = append(buf, part.Data...)
	le.PutUint32(buf[start+headSize-4:], checksum(buf[start:start+headSize], buf[start+headSize:]))
	return buf
}

func checksum(head, body []byte) uint32 {
	return crc32.Update(crc32.Checksum(head[:headSize-4], castagnoli), castagnoli, body)
}

// parseHead reads a head and judges what can be judged by it alone: how much is
// to be read after it.
func parseHead(p *[headSize]byte) (h head, err error) {
	le := binary.LittleEndian
	h = head{place: place{le.Uint32(p[1:]), le.Uint64(p[5:])}, count: le.Uint32(p[13:]), missed: le.Uint64(p[17:]),
		lengths: le.Uint32(p[25:]), data: le.Uint32(p[29:]), sum: le.Uint32(p[33:])}
	switch {
	case p[0] != kindData:
		return h, breach("a frame of kind %q", p[0])
	case h.count == 0 || h.count > batch.MaxCount:
		return h, breach("a frame of %d records", h.count)
	case h.data > batch.MaxRecord || h.data > batch.MaxData && h.count > 1:
		return h, breach("a frame of %d bytes in %d records", h.data, h.count)
	case h.lengths > h.count*3: // no record is so large that its length takes more
		return h, breach("%d bytes for %d lengths", h.lengths, h.count)
	case h.Epoch == 0 || h.End == 0 || h.End > math.MaxUint64-uint64(h.count):
		return h, breach("a frame from number %d of epoch %d", h.End, h.Epoch)
	}
	return h, nil
}

// known is how far a receiver is in the lives of a sender.
type known struct {
	last  place             // after the last frame of this stream, or zero
	ends  map[uint32]uint64 // number after the last record, by epoch
	turns int               // lives of this stream
}

// maxTurns is how many lives one stream may have; each is written down.
const maxTurns = 1024

// follows tells whether the frame may come.
func (k *known) follows(h head) error {
	end := k.ends[h.Epoch]
	switch {
	case h.Epoch < k.last.Epoch || h.End < end:
		return breach("a frame from %d of epoch %d after %d of it, %d of %d being the last", h.End, h.Epoch, end, k.last.End, k.last.Epoch)
	case end > 0 && h.missed > h.End-end || h.missed >= h.End:
		return breach("%d records missing before number %d, which is after %d", h.missed, h.End, end)
	case h.Epoch != k.last.Epoch && k.turns >= maxTurns:
		return breach("frames of more than %d epochs", maxTurns)
	}
	return nil
}

// came notes a frame that was taken.
func (k *known) came(h head) {
	if h.Epoch != k.last.Epoch {
		k.turns++
	}
	k.last = h.after()
	k.ends[h.Epoch] = k.last.End
}

// records judges the rest of a frame and takes it apart.
func (h head) records(p *[headSize]byte, body []byte, lines bool, lengths []uint32) (data []byte, _ []uint32, err error) {
	if checksum(p[:], body) != h.sum {
		return nil, lengths, breach("a wrong checksum")
	}
	data = body[h.lengths:]
	lengths, err = batch.AppendLengths(lengths[:0], body[:h.lengths], int(h.count), len(data))
	if err != nil {
		return nil, lengths, breach("%v", err)
	}
	if lines {
		at := 0
		for _, n := range lengths {
			at += int(n)
			if n == 0 || data[at-1] != '\n' {
				return nil, lengths, breach("a record that is no line")
			}
		}
		if bytes.Count(data, []byte{'\n'}) != len(lengths) {
			return nil, lengths, breach("a record of several lines")
		}
	}
	return data, lengths, nil
}

// ackOf is an ack as it is sent.
func ackOf(p place) []byte {
	b := append(make([]byte, 0, ackSize), kindAck)
	b = binary.LittleEndian.AppendUint32(b, p.Epoch)
	return binary.LittleEndian.AppendUint64(b, p.End)
}

// wordsOf is a refusal as it is sent in place of an ack.
func wordsOf(r refusal) []byte {
	if len(r.Error) > maxWords/2 {
		r.Error = r.Error[:maxWords/2]
	}
	words, err := json.Marshal(r)
	if err != nil || len(words) > maxWords {
		words = []byte(`{"error":"no words","kind":"internal"}`)
	}
	b := append(make([]byte, 0, ackSize+len(words)), kindError)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(words)))
	return append(append(b, make([]byte, 8)...), words...)
}

// readAck reads an ack; a refusal is its error.
func readAck(r io.Reader) (place, error) {
	var p [ackSize]byte
	if _, err := io.ReadFull(r, p[:]); err != nil {
		return place{}, err
	}
	n, end := binary.LittleEndian.Uint32(p[1:]), binary.LittleEndian.Uint64(p[5:])
	switch p[0] {
	case kindAck:
		return place{n, end}, nil
	case kindError:
		if n > maxWords {
			return place{}, breach("a refusal of %d bytes", n)
		}
		words, err := readBody(r, nil, int(n))
		if err != nil {
			return place{}, err
		}
		var why refusal
		if err := json.Unmarshal(words, &why); err != nil {
			return place{}, breach("a refusal that is no JSON: %v", err)
		}
		if why.err() == nil {
			why.Kind = waverider.Internal
		}
		return place{}, why.err()
	}
	return place{}, breach("an ack of kind %q", p[0])
}
