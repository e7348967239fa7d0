package batch

import (
	"encoding/binary"
	"hash/crc32"
)

// Builder gathers records for one batch. Data is copied once, to the place
// where it is stored from; an empty Builder holds no data memory. A Builder
// that is not sealed may just be forgotten. It is for one goroutine.
type Builder struct {
	hint  int
	data  *buffer // room for the header, then the records
	end   int     // of the records in data
	count int

	same    uint32  // length of all records, as long as lengths is nil
	lengths *buffer // as encoded
	used    int     // bytes of lengths

	base, last int64 // times of the first and the last record
	times      []run

	keys    []run
	hashes  *buffer
	hashed  int // bytes of hashes
	hasKeys bool

	sealed bool
}

// NewBuilder returns an empty Builder. hint says how many bytes of data are
// expected, 0 if nobody knows: a good one saves moving the data while it grows.
func NewBuilder(hint int) *Builder {
	return &Builder{hint: min(max(hint, 0), MaxData), end: headerSize}
}

// Count is how many records were added.
func (b *Builder) Count() int { return b.count }

// Bytes is how much data was added.
func (b *Builder) Bytes() int { return b.end - headerSize }

// Room is how much more is sure to fit. An empty Builder also takes one record
// of up to MaxRecord bytes.
func (b *Builder) Room() (bytes, count int) {
	if b.sealed || b.Bytes() >= MaxData || b.count >= MaxCount || len(b.times) >= maxRuns || len(b.keys) >= maxRuns {
		return 0, 0
	}
	return MaxData - b.Bytes(), MaxCount - b.count
}

// Fit is how many of records of such lengths can be added at once, and how
// many bytes they are. It is 0 when the first of them needs another Builder,
// or none will do because it is larger than MaxRecord.
func (b *Builder) Fit(lengths []uint32) (count, bytes int) {
	room, most := b.Room()
	if most > 0 && b.count == 0 && len(lengths) > 0 && lengths[0] > MaxData && lengths[0] <= MaxRecord {
		return 1, int(lengths[0])
	}
	for _, l := range lengths[:min(most, len(lengths))] {
		if l > uint32(room-bytes) {
			break
		}
		count++
		bytes += int(l)
	}
	return count, bytes
}

// Add copies records, which lie one after the other, and what there is to tell
// of them: the length of each, the time now in ms since 1970 and, unless keys
// is nil, the hash of the key of each. A time before that of the last record
// is taken as the same. Add panics if the records do not fit, or if records,
// lengths and keys disagree.
func (b *Builder) Add(records []byte, lengths []uint32, now int64, keys []uint32) {
	if keys != nil && len(keys) != len(lengths) {
		panic("batch: as many keys as records are needed")
	}
	if len(lengths) == 0 && len(records) == 0 {
		return
	}
	count, bytes := b.count+len(lengths), b.Bytes()+len(records)
	if b.sealed || count > MaxCount || bytes > MaxData && count > 1 || bytes > MaxRecord {
		panic("batch: records do not fit")
	}
	one := b.addLengths(lengths, len(records))
	b.addTime(now, len(lengths))
	b.addKeys(keys, len(lengths))
	if len(b.times) > maxRuns || len(b.keys) > maxRuns {
		panic("batch: records do not fit")
	}
	b.count = count
	if one {
		b.same = lengths[0]
	}
	expected := 0
	if b.data == nil {
		expected = headerSize + b.hint + checksumSize
	}
	b.data = b.data.grown(b.end, max(expected, b.size(len(records))))
	b.end += copy(b.data.b[b.end:], records)
}

// size is at least what the batch will take when n bytes of data are added.
func (b *Builder) size(n int) int {
	return b.end + n + b.used + b.hashed + (len(b.times)+len(b.keys))*maxRunSize + checksumSize
}

// addLengths reports whether all records have one length so far.
func (b *Builder) addLengths(lengths []uint32, records int) bool {
	sum, differ, first := uint64(0), uint32(0), b.same
	if b.count == 0 && len(lengths) > 0 {
		first = lengths[0]
	}
	for _, l := range lengths {
		sum += uint64(l)
		differ |= l ^ first
	}
	if sum != uint64(records) {
		panic("batch: lengths do not add up to the records")
	}
	if differ == 0 && b.lengths == nil {
		return true
	}
	before := 0
	if b.lengths == nil {
		before = b.count
	}
	// A byte to spare for putLengths.
	b.lengths = b.lengths.grown(b.used, b.used+(before+len(lengths))*3+1)
	for range before {
		b.used += putLengths(b.lengths.b[b.used:], []uint32{b.same})
	}
	b.used += putLengths(b.lengths.b[b.used:], lengths)
	return false
}

func (b *Builder) addTime(now int64, count int) {
	if b.count == 0 {
		b.base, b.last = now, now
	}
	b.last = max(b.last, now)
	b.times = addRun(b.times, count, uint64(b.last)-uint64(b.base))
}

func (b *Builder) addKeys(keys []uint32, count int) {
	if keys == nil {
		b.keys = addRun(b.keys, count, 0)
		return
	}
	b.hasKeys = true
	b.keys = addRun(b.keys, count, 1)
	b.hashes = b.hashes.grown(b.hashed, b.hashed+4*count)
	for _, k := range keys {
		binary.LittleEndian.PutUint32(b.hashes.b[b.hashed:], k)
		b.hashed += 4
	}
}

// Seal makes a batch of what was added: Count of h is set from it and, if
// there are records, Time. The Builder must not be used after. The batch has
// one reference, which is the caller's.
func (b *Builder) Seal(h Header) *Batch { return b.seal(h, true) }

// SealUnstored is Seal for a batch that never leaves this process: it has no
// check sum, and Encoded is of no use.
func (b *Builder) SealUnstored(h Header) *Batch { return b.seal(h, false) }

func (b *Builder) seal(h Header, sum bool) *Batch {
	if b.sealed {
		panic("batch: sealed twice")
	}
	b.data = b.data.grown(b.end, b.size(0))
	l := layout{Header: h, data: uint32(b.Bytes())}
	l.Count = uint32(b.count)
	if b.count > 0 {
		l.Time = b.base
	}
	if h.Cause != nil {
		cause := *h.Cause
		l.Cause, l.flags = &cause, flagCause
	}
	var t table
	p := b.data.b[:b.end]
	part := func(flag uint32, add func()) []byte {
		l.flags |= flag
		start := len(p)
		add()
		return p[start:len(p):len(p)]
	}
	if b.lengths != nil {
		t.lengths = part(flagLengths, func() { p = append(p, b.lengths.b[:b.used]...) })
		b.lengths.free()
	}
	if len(b.times) > 1 {
		t.times = part(flagTimes, func() { p = appendRuns(p, b.times) })
	}
	if b.hasKeys {
		t.keys = part(flagKeys, func() { p = appendRuns(p, b.keys) })
		t.hashes = part(flagKeys, func() { p = append(p, b.hashes.b[:b.hashed]...) })
		b.hashes.free()
	}
	l.table = uint32(len(p) - b.end)
	l.put(p)
	if sum {
		p = binary.LittleEndian.AppendUint32(p, crc32.Checksum(p, castagnoli))
	}
	s := newBatch(l.Header, p, p[headerSize:b.end:b.end], t)
	s.memory = b.data
	*b = Builder{sealed: true}
	return s
}
