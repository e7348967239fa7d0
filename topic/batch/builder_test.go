package batch_test

import (
	"bytes"
	"slices"
	"testing"

	"waverider/topic/batch"
)

func TestBuilderTellsItsRoom(t *testing.T) {
	b := batch.NewBuilder(0)
	if bytes, count := b.Room(); bytes != batch.MaxData || count != batch.MaxCount {
		t.Errorf("an empty one has room for %d bytes, %d records", bytes, count)
	}
	b.Add([]byte("abc"), []uint32{1, 2}, 0, nil)
	if bytes, count := b.Room(); bytes != batch.MaxData-3 || count != batch.MaxCount-2 || b.Bytes() != 3 || b.Count() != 2 {
		t.Errorf("room for %d bytes, %d records after %d, %d", bytes, count, b.Bytes(), b.Count())
	}
	b.Add(make([]byte, batch.MaxData-3), []uint32{batch.MaxData - 3}, 0, nil)
	if bytes, count := b.Room(); bytes != 0 || count != 0 {
		t.Errorf("a full one has room for %d bytes, %d records", bytes, count)
	}
	b = batch.NewBuilder(0)
	b.Add(nil, make([]uint32, batch.MaxCount), 0, nil)
	if bytes, count := b.Room(); bytes != 0 || count != 0 {
		t.Errorf("one with all records has room for %d bytes, %d records", bytes, count)
	}
}

func TestBuilderTellsWhatFits(t *testing.T) {
	for _, c := range []struct {
		there, lengths []uint32
		count, bytes   int
	}{
		{nil, nil, 0, 0},
		{nil, []uint32{1, 2, 3}, 3, 6},
		{nil, []uint32{batch.MaxData, 0, 1}, 2, batch.MaxData},
		{nil, []uint32{batch.MaxData + 1, 0}, 1, batch.MaxData + 1},
		{nil, []uint32{batch.MaxRecord}, 1, batch.MaxRecord},
		{nil, []uint32{batch.MaxRecord + 1}, 0, 0},
		{[]uint32{0}, []uint32{batch.MaxData + 1}, 0, 0},
		{[]uint32{1}, []uint32{batch.MaxData - 2, 1, 1}, 2, batch.MaxData - 1},
		{[]uint32{batch.MaxRecord}, []uint32{0}, 0, 0},
		{make([]uint32, batch.MaxCount-1), []uint32{1, 1}, 1, 1},
	} {
		b := batch.NewBuilder(0)
		b.Add(make([]byte, sum(c.there)), c.there, 0, nil)
		count, bytes := b.Fit(c.lengths)
		if count != c.count || bytes != c.bytes {
			t.Errorf("after %d records, of %v: %d records, %d bytes fit", len(c.there), c.lengths, count, bytes)
		}
		b.Add(make([]byte, bytes), c.lengths[:count], 0, nil)
		s := b.Seal(batch.Header{})
		if _, err := batch.Decode(s.Encoded()); err != nil {
			t.Error(err)
		}
	}
}

func sum(lengths []uint32) (n int) {
	for _, l := range lengths {
		n += int(l)
	}
	return n
}

func TestBuilderRefusesMisuse(t *testing.T) {
	full := func() *batch.Builder {
		b := batch.NewBuilder(0)
		b.Add(make([]byte, batch.MaxData), []uint32{batch.MaxData}, 0, nil)
		return b
	}
	sealed := batch.NewBuilder(0)
	sealed.Seal(batch.Header{})
	if n, _ := sealed.Fit([]uint32{1}); n != 0 {
		t.Error("a sealed one has room")
	}
	for what, f := range map[string]func(){
		"a record after Seal":      func() { sealed.Add([]byte("a"), []uint32{1}, 0, nil) },
		"a second Seal":            func() { sealed.Seal(batch.Header{}) },
		"a wrong length":           func() { batch.NewBuilder(0).Add([]byte("abc"), []uint32{2}, 0, nil) },
		"data without lengths":     func() { batch.NewBuilder(0).Add([]byte("abc"), nil, 0, nil) },
		"a missing key":            func() { batch.NewBuilder(0).Add([]byte("abc"), []uint32{1, 2}, 0, []uint32{1}) },
		"lengths that wrap around": func() { batch.NewBuilder(0).Add(nil, []uint32{1 << 31, 1 << 31}, 0, nil) },
		"more than fits":           func() { full().Add([]byte("a"), []uint32{1}, 0, nil) },
		"too large a record": func() {
			batch.NewBuilder(0).Add(make([]byte, batch.MaxRecord+1), []uint32{batch.MaxRecord + 1}, 0, nil)
		},
		"too many records": func() { batch.NewBuilder(0).Add(nil, make([]uint32, batch.MaxCount+1), 0, nil) },
	} {
		mustPanic(t, what, f)
	}
}

func TestTimesNeverGoBack(t *testing.T) {
	b := batch.NewBuilder(0)
	for _, now := range []int64{100, 90, 120, 110, 120} {
		b.Add([]byte("a"), []uint32{1}, now, nil)
	}
	var times []int64
	for r := range b.Seal(batch.Header{}).Records(0) {
		times = append(times, r.Time)
	}
	if want := []int64{100, 100, 120, 120, 120}; !slices.Equal(times, want) {
		t.Errorf("times %d, want %d", times, want)
	}
}

// The worst there can be: as many records as are allowed, of two lengths, each
// with a key, their times and keys in as many runs as are allowed.
func TestEncodedSizeIsBounded(t *testing.T) {
	b := batch.NewBuilder(0)
	now := int64(-1 << 62)
	for i := 0; ; i++ {
		keys := []uint32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
		p, lengths := make([]byte, 128), []uint32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128}
		if i%2 == 1 {
			p, lengths, keys = nil, []uint32{0}, nil
		}
		if n, _ := b.Fit(lengths); n < len(lengths) {
			break
		}
		b.Add(p, lengths, now, keys)
		now += 1 << 50
	}
	if _, count := b.Room(); count != 0 {
		t.Errorf("there is room for %d records", count)
	}
	large := batch.NewBuilder(0)
	large.Add(make([]byte, batch.MaxRecord), []uint32{batch.MaxRecord}, 0, []uint32{1})
	for _, s := range []*batch.Batch{b.Seal(batch.Header{}), large.Seal(batch.Header{})} {
		if len(s.Encoded()) > batch.MaxEncoded {
			t.Errorf("%d bytes", len(s.Encoded()))
		}
		if s.Size() > 1100<<10 {
			t.Errorf("holds %d bytes", s.Size())
		}
		if _, err := batch.Decode(s.Encoded()); err != nil {
			t.Error(err)
		}
	}
}

func TestFewRecordsHoldLittleMemory(t *testing.T) {
	s := build(batch.Header{}, []batch.Record{{Data: bytes.Repeat([]byte("a"), 100)}})
	if s.Size() > 1<<10 {
		t.Errorf("a record of 100 bytes holds %d", s.Size())
	}
	idle := make([]*batch.Builder, 1000)
	if n := allocated(func() {
		for i := range idle {
			idle[i] = batch.NewBuilder(batch.MaxData)
		}
	}); n > 512*uint64(len(idle)) {
		t.Errorf("%d empty Builders hold %d bytes", len(idle), n)
	}
}
