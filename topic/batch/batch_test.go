package batch_test

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync"
	"testing"

	"waverider/topic/batch"
)

// checkBatch compares everything a batch tells with its records, whose numbers
// follow from the header.
func checkBatch(t *testing.T, b *batch.Batch, h batch.Header, records []batch.Record) {
	t.Helper()
	h.Count = uint32(len(records))
	if len(records) > 0 {
		h.Time = records[0].Time
	}
	if got := b.Header(); !reflect.DeepEqual(got, h) {
		t.Errorf("header %+v, want %+v", got, h)
	}
	next := h.First + uint64(len(records))
	if b.Next() != next {
		t.Errorf("next is %d, want %d", b.Next(), next)
	}
	starts := []int{0}
	var data []byte
	for _, r := range records {
		data = append(data, r.Data...)
		starts = append(starts, len(data))
	}
	if !bytes.Equal(b.Data(), data) {
		t.Errorf("%d bytes of data, want %d", len(b.Data()), len(data))
	}
	if b.Size() < len(b.Encoded()) {
		t.Errorf("holds %d bytes of %d", b.Size(), len(b.Encoded()))
	}

	// Every record when there are few, a sample with both ends when many.
	step := max(1, len(records)/50)
	for i := 0; ; i = min(i+step, len(records)) {
		from := h.First + uint64(i)
		if !bytes.Equal(b.From(from), data[starts[i]:]) {
			t.Fatalf("from %d: %d bytes, want %d", from, len(b.From(from)), len(data)-starts[i])
		}
		for _, n := range []int{0, 1, 63, 64, 65, len(records) / 2, len(records)} {
			j := min(i+n, len(records))
			if got := b.Range(from, h.First+uint64(j)); !bytes.Equal(got, data[starts[i]:starts[j]]) {
				t.Fatalf("range of %d from %d: %d bytes, want %d", n, from, len(got), starts[j]-starts[i])
			}
		}
		checkRecords(t, b, from, h.First, records[i:], i)
		if i < len(records) {
			at := records[i].Time
			first := slices.IndexFunc(records, func(r batch.Record) bool { return r.Time >= at })
			if got := b.NumberAtTime(at); got != h.First+uint64(first) {
				t.Fatalf("number at %d: %d, want %d", at, got, h.First+uint64(first))
			}
		} else {
			break
		}
	}
	if n := len(records); n > 0 && records[n-1].Time < 1<<62 {
		if got := b.NumberAtTime(records[n-1].Time + 1); got != next {
			t.Errorf("number after all is %d, want %d", got, next)
		}
	}
	if got := b.NumberAtTime(-1 << 63); got != h.First {
		t.Errorf("number at the beginning of time is %d, want %d", got, h.First)
	}
	if h.First > 0 && !bytes.Equal(b.From(h.First-1), data) {
		t.Error("from before the first record is not everything")
	}
	if len(b.From(next+1)) != 0 || len(b.Range(next+1, next+2)) != 0 || len(b.Range(next, h.First)) != 0 {
		t.Error("there is something after the last record")
	}
}

// checkRecords reads up to 200 records, and then stops.
func checkRecords(t *testing.T, b *batch.Batch, from, first uint64, records []batch.Record, at int) {
	t.Helper()
	i := 0
	for got := range b.Records(from) {
		want := records[i]
		want.Number = first + uint64(at+i)
		if got.Number != want.Number || got.Time != want.Time || got.HasKey != want.HasKey || got.Key != want.Key || !bytes.Equal(got.Data, want.Data) {
			t.Fatalf("record %+v, want %+v", got, want)
		}
		if i++; i == 200 {
			return
		}
	}
	if i != len(records) {
		t.Fatalf("%d records from %d on, want %d", i, from, len(records))
	}
}

// randomRecords are like those of a Topic of some kind: their lengths, times
// and keys differ or not.
func randomRecords(r *rand.Rand) []batch.Record {
	count := []int{1, 2, 63, 64, 65, 128, 129, 1000, 20000}[r.IntN(9)]
	longest := []int{1, 100, 200, 20000, 300_000}[r.IntN(5)]
	equal, keyed, tick := r.IntN(4) == 0, r.IntN(3), r.IntN(2) == 0
	now, n := r.Int64()>>r.IntN(63), r.IntN(longest)
	var records []batch.Record
	for size := 0; len(records) < count; {
		if !equal {
			n = r.IntN(longest)
		}
		if size += n; size > batch.MaxData {
			break
		}
		if tick && r.IntN(20) == 0 {
			now += r.Int64N(1000)
		}
		rec := batch.Record{Time: now, Data: make([]byte, n)}
		for i := range min(n, 16) {
			rec.Data[i] = byte(r.Uint32())
		}
		if keyed == 2 || keyed == 1 && r.IntN(10) == 0 {
			rec.HasKey, rec.Key = true, r.Uint32()
		}
		records = append(records, rec)
	}
	return records
}

func TestBatchTellsWhatWasAdded(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		records := randomRecords(r)
		h := batch.Header{Origin: r.Uint64(), Incarnation: r.Uint32(), First: r.Uint64() >> 1, Before: r.Uint64(), Epoch: r.Uint32(), End: r.Uint64()}
		if r.IntN(2) == 0 {
			h = with(h, batch.Cause{Incarnation: r.Uint32(), Done: r.Uint64(), N: r.Uint64()})
		}
		s := build(h, records)
		encoded := bytes.Clone(s.Encoded())
		d, err := batch.Decode(encoded)
		if err != nil {
			t.Fatal(err)
		}
		checkBatch(t, s, h, records)
		checkBatch(t, d, h, records)
		s.Release()
		d.Release()
		if t.Failed() {
			return
		}
	}
}

func TestBatchEndsWithItsLastReference(t *testing.T) {
	s := build(batch.Header{}, []batch.Record{{Data: []byte("a\n")}})
	d, err := batch.Decode(bytes.Clone(s.Encoded()))
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []*batch.Batch{s, d} {
		b.Retain()
		b.Release()
		if string(b.Data()) != "a\n" {
			t.Error("gone although a reference is left")
		}
		b.Release()
		mustPanic(t, "a Release too many", b.Release)
	}
	s = build(batch.Header{}, nil)
	s.Release()
	mustPanic(t, "a Retain too late", s.Retain)
}

func TestReadersShareABatch(t *testing.T) {
	var records []batch.Record
	for i := range 1000 {
		records = append(records, batch.Record{Data: bytes.Repeat([]byte{byte(i)}, i%300)})
	}
	s := build(batch.Header{First: 1}, records)
	var wg sync.WaitGroup
	for i := range 8 {
		s.Retain()
		wg.Go(func() {
			defer s.Release()
			for number := uint64(1 + i); number < s.Next(); number++ {
				if want := records[number-1].Data; !bytes.Equal(s.Range(number, number+1), want) {
					t.Errorf("record %d differs", number)
					return
				}
				s.From(number)
			}
		})
	}
	s.Release()
	wg.Wait()
}

func mustPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if recover() == nil {
			t.Errorf("%s goes unnoticed", what)
		}
	}()
	f()
}
