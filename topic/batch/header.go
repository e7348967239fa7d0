package batch

import (
	"encoding/binary"
	"hash/crc32"
)

// The limits are part of the format.
const (
	MaxRecord = 1 << 20   // bytes of one record
	MaxData   = 512 << 10 // bytes of data at which a batch is full; one larger record is a batch of its own
	MaxCount  = 64 << 10  // records of a batch

	// MaxEncoded is more than the bytes of any batch with everything around
	// its data.
	MaxEncoded = MaxRecord + 1<<10
)

// Header is what a batch tells about its records as a whole.
type Header struct {
	Origin      uint64 // which Hub numbered the records, a hash of its id
	Incarnation uint32
	First       uint64 // the records are First, First+1, …, First+Count-1
	Count       uint32
	Before      uint64 // bytes of data of this Topic before this batch
	Time        int64  // of the first record, ms since 1970
	Epoch       uint32 // of the producer
	End         uint64 // the producer's own position after this batch
	Cause       *Cause // nil when not told; not to be changed
}

// Cause tells of which input a batch is the output: N units of output came
// after the input record Done was finished.
type Cause struct {
	Incarnation uint32
	Done        uint64
	N           uint64
}

const (
	magic   = "WB"
	version = 1
	codec   = 0 // data and table as they are

	headerSize   = 88
	checksumSize = 4

	maxRuns    = 4096
	maxRunSize = 3 + binary.MaxVarintLen64
)

const (
	flagLengths = 1 << iota
	flagTimes
	flagKeys
	flagCause
	flagsKnown = flagLengths | flagTimes | flagKeys | flagCause
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// layout is the header with what only the format needs.
type layout struct {
	Header
	flags       uint32
	data, table uint32 // bytes
}

func (l *layout) put(p []byte) {
	le := binary.LittleEndian
	_ = p[headerSize-1]
	copy(p, magic)
	p[2], p[3] = version, codec
	var cause Cause
	if l.Cause != nil {
		cause = *l.Cause
	}
	le.PutUint32(p[4:], l.flags)
	le.PutUint64(p[8:], l.Origin)
	le.PutUint32(p[16:], l.Incarnation)
	le.PutUint32(p[20:], l.Count)
	le.PutUint64(p[24:], l.First)
	le.PutUint64(p[32:], l.Before)
	le.PutUint64(p[40:], uint64(l.Time))
	le.PutUint64(p[48:], l.End)
	le.PutUint32(p[56:], l.Epoch)
	le.PutUint32(p[60:], cause.Incarnation)
	le.PutUint64(p[64:], cause.Done)
	le.PutUint64(p[72:], cause.N)
	le.PutUint32(p[80:], l.data)
	le.PutUint32(p[84:], l.table)
}

// parse reads the fields of a header without judging them. A cause is set
// when the flag or one of its fields is.
func (l *layout) parse(p []byte) {
	le := binary.LittleEndian
	_ = p[headerSize-1]
	l.flags = le.Uint32(p[4:])
	l.Origin = le.Uint64(p[8:])
	l.Incarnation = le.Uint32(p[16:])
	l.Count = le.Uint32(p[20:])
	l.First = le.Uint64(p[24:])
	l.Before = le.Uint64(p[32:])
	l.Time = int64(le.Uint64(p[40:]))
	l.End = le.Uint64(p[48:])
	l.Epoch = le.Uint32(p[56:])
	cause := Cause{le.Uint32(p[60:]), le.Uint64(p[64:]), le.Uint64(p[72:])}
	if l.flags&flagCause != 0 || cause != (Cause{}) {
		l.Cause = &cause
	}
	l.data = le.Uint32(p[80:])
	l.table = le.Uint32(p[84:])
}
