package batch

import (
	"encoding/binary"
	"iter"
	"sync/atomic"
	"unsafe"
)

// Batch is a sealed or decoded batch. It is read-only and may be read by many
// goroutines, each of which holds a reference: a batch begins with one, and
// nothing that came of it may be used after the last Release.
type Batch struct {
	refs    atomic.Int32
	memory  *buffer // to give back, or nil
	header  Header
	encoded []byte
	data    []byte
	table   table
	places  atomic.Pointer[[]place]
}

// Record is one record of a batch. Data is valid as long as the batch.
type Record struct {
	Number uint64
	Time   int64  // ms since 1970
	Key    uint32 // hash of the key, if HasKey
	HasKey bool
	Data   []byte
}

func newBatch(h Header, encoded, data []byte, t table) *Batch {
	b := &Batch{header: h, encoded: encoded, data: data, table: t}
	b.refs.Store(1)
	return b
}

// Header tells about the batch as a whole.
func (b *Batch) Header() Header { return b.header }

// Encoded is the batch as it is stored.
func (b *Batch) Encoded() []byte { return b.encoded }

// Data is all records, one after the other.
func (b *Batch) Data() []byte { return b.data }

// Next is the number after the last record.
func (b *Batch) Next() uint64 { return b.header.First + uint64(b.header.Count) }

// Size is how much memory the batch holds, what it shares with nobody.
func (b *Batch) Size() int {
	n := int(unsafe.Sizeof(*b))
	if b.memory != nil {
		return n + len(b.memory.b)
	}
	return n + cap(b.encoded)
}

// Retain adds a reference.
func (b *Batch) Retain() {
	if b.refs.Add(1) <= 1 {
		panic("batch: retained after its last release")
	}
}

// Release takes a reference away. With the last one the batch ends; memory
// that came from a Builder goes back to where it came from.
func (b *Batch) Release() {
	switch left := b.refs.Add(-1); {
	case left < 0:
		panic("batch: released more often than retained")
	case left == 0 && b.memory != nil:
		memory := b.memory
		// A late reader shall fail, not see another batch.
		b.memory, b.encoded, b.data, b.table = nil, nil, nil, table{}
		memory.free()
	}
}

// From is the data of the records numbered number and up.
func (b *Batch) From(number uint64) []byte { return b.data[b.place(b.index(number)).data:] }

// Range is the data of the records numbered from to to-1, as far as they are
// in this batch.
func (b *Batch) Range(from, to uint64) []byte {
	first, end := b.index(from), b.index(to)
	if end <= first {
		return nil
	}
	start := b.place(first)
	if end-first > stride {
		return b.data[start.data:b.place(end).data]
	}
	stop := start
	for range end - first {
		stop = b.after(stop)
	}
	return b.data[start.data:stop.data]
}

// NumberAtTime is the number of the first record of that time or later, Next
// if there is none.
func (b *Batch) NumberAtTime(ms int64) uint64 {
	if ms <= b.header.Time {
		return b.header.First
	}
	distance, number := uint64(ms)-uint64(b.header.Time), b.header.First
	for r := (runReader{rest: b.table.times}); r.next(); number += uint64(r.run.count) {
		if r.run.value >= distance {
			return number
		}
	}
	return b.Next()
}

// Records are the records numbered from and up.
func (b *Batch) Records(from uint64) iter.Seq[Record] {
	return func(yield func(Record) bool) { b.each(b.index(from), yield) }
}

func (b *Batch) each(first uint32, yield func(Record) bool) {
	at := b.place(first)
	times, keys := runReader{rest: b.table.times}, runReader{rest: b.table.keys}
	timesEnd, keysEnd, hashes := uint32(0), uint32(0), b.table.hashes
	if times.rest == nil {
		timesEnd = b.header.Count
	}
	if keys.rest == nil {
		keysEnd = b.header.Count
	}
	for i := first; i < b.header.Count; i++ {
		for i >= timesEnd && times.next() {
			timesEnd += times.run.count
		}
		for i >= keysEnd && keys.next() {
			if keysEnd < first && keys.run.value != 0 {
				hashes = hashes[4*min(keys.run.count, first-keysEnd):]
			}
			keysEnd += keys.run.count
		}
		r := Record{Number: b.header.First + uint64(i), Time: b.header.Time + int64(times.run.value), HasKey: keys.run.value != 0}
		if r.HasKey {
			r.Key = binary.LittleEndian.Uint32(hashes)
			hashes = hashes[4:]
		}
		start := at.data
		at = b.after(at)
		r.Data = b.data[start:at.data:at.data]
		if !yield(r) {
			return
		}
	}
}
