package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"waverider/topic/batch"
)

// FuzzDecode: what is no batch is refused, cheaply; what is one has no other
// encoding.
func FuzzDecode(f *testing.F) {
	for _, g := range goldens {
		f.Add(golden(f, g.name), false)
		f.Add(golden(f, g.name), true)
	}
	f.Fuzz(func(t *testing.T, p []byte, right bool) {
		if right && len(p) >= 92 {
			// Get past the lengths and the checksum, to what comes behind.
			le := binary.LittleEndian
			rest := uint32(len(p) - 92)
			data := min(le.Uint32(p[80:]), rest)
			le.PutUint32(p[80:], data)
			le.PutUint32(p[84:], rest-data)
			copy(p, "WB\x01\x00")
			sign(p)
		}
		var d *batch.Batch
		var err error
		if n := allocated(func() { d, err = batch.Decode(p) }); n > 1<<20 {
			t.Errorf("decoding %d bytes allocates %d", len(p), n)
		}
		if err != nil {
			if !errors.Is(err, batch.ErrCorrupt) && !errors.Is(err, batch.ErrVersion) {
				t.Errorf("an error of another kind: %v", err)
			}
			return
		}
		var records []batch.Record
		for r := range d.Records(0) {
			records = append(records, r)
		}
		again := build(d.Header(), records)
		if !bytes.Equal(again.Encoded(), p) {
			t.Errorf("a second encoding: %x, now %x", p, again.Encoded())
		}
		checkBatch(t, d, d.Header(), records)
	})
}

// FuzzBuilder: what is read from a batch, sealed or decoded, is what was added.
func FuzzBuilder(f *testing.F) {
	f.Add([]byte("\x05\x01\x02\x03\x04\x05\x86\x00\x01\x02\x03\x04\x05"), uint64(1), int64(1767225600123))
	f.Add([]byte("\x03\xff\xff\xff\x43\xff\xfe\xfd\x84\x10\x10\x10\x10"), uint64(1<<63), int64(-1))
	f.Fuzz(func(t *testing.T, calls []byte, first uint64, now int64) {
		first = min(first, 1<<63)
		b := batch.NewBuilder(int(first % (1 << 20)))
		var records []batch.Record
		last := now
		for len(calls) > 0 {
			// A byte says how many records are added, with keys or without,
			// later or not; then each byte is a length.
			call := calls[0]
			n := min(int(call&0x3f), len(calls)-1)
			var lengths, keys []uint32
			for _, c := range calls[1 : 1+n] {
				l := uint32(c)
				if c >= 0xf0 {
					l = uint32(c-0xef) * 70_000
				}
				lengths = append(lengths, l)
			}
			calls = calls[1+n:]
			if call&0x40 != 0 {
				now += int64(call) - 0x50
			}
			n, size := b.Fit(lengths)
			lengths = lengths[:n]
			if n > 0 {
				last = max(last, now)
			}
			data := bytes.Repeat([]byte{call}, size)
			for i, l := range lengths {
				r := batch.Record{Time: last, Data: data[:l:l]}
				if len(records) == 0 {
					r.Time, last = now, now
				}
				if call&0x80 != 0 {
					r.HasKey, r.Key = true, uint32(i)<<24|uint32(call)
					keys = append(keys, r.Key)
				}
				records = append(records, r)
				data = data[l:]
			}
			b.Add(bytes.Repeat([]byte{call}, size), lengths, now, keys)
		}
		if b.Count() != len(records) {
			t.Fatalf("counts %d of %d", b.Count(), len(records))
		}
		h := batch.Header{First: first, Time: now}
		s := b.Seal(h)
		defer s.Release()
		checkBatch(t, s, h, records)
		d, err := batch.Decode(bytes.Clone(s.Encoded()))
		if err != nil {
			t.Fatal(err)
		}
		checkBatch(t, d, h, records)
	})
}

// FuzzSplit: however a stream is cut, the same records come out.
func FuzzSplit(f *testing.F) {
	f.Add([]byte("a\nbb\n\n \r\nccc"), []byte{1, 2, 3}, true)
	f.Add([]byte("\xff\n\xfe\xf8\n\xfc\xfc\xfc"), []byte{0xff, 0, 0xf0}, true)
	f.Add([]byte("\xff\xff\xff"), []byte{0xff, 9}, false)
	f.Fuzz(func(t *testing.T, seed, cutSeed []byte, isLines bool) {
		// High bytes stand for long lines and pieces, about as long as allowed.
		var in []byte
		for _, c := range seed[:min(len(seed), 100)] {
			if c >= 0xf0 {
				in = append(in, bytes.Repeat([]byte{'x'}, int(c-0xef)<<16-1)...)
			} else {
				in = append(in, c)
			}
		}
		cuts := []int{100_003}
		for _, c := range cutSeed {
			if c >= 0xf0 {
				cuts = append(cuts, int(c-0xef)<<16)
			} else {
				cuts = append(cuts, int(c))
			}
		}
		if isLines {
			checkLines(t, in, cuts)
			return
		}
		var out []byte
		records, err := split(t, batch.Bytes, in, cuts)
		for _, r := range records {
			out = append(out, r...)
		}
		if err != nil || !bytes.Equal(out, in) {
			t.Errorf("%d bytes of %d, %v", len(out), len(in), err)
		}
	})
}
