package batch_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"waverider/topic/batch"
)

// Parts of a batch, one after the other, are all of it: none is larger than
// asked for unless it is one record, and none could have taken more.
func TestPartsAreAllOfABatch(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n, most := 1+random.IntN(300), random.IntN(2000)
		lengths := make([]uint32, n)
		same := uint32(random.IntN(300))
		for i := range lengths {
			lengths[i] = same
		}
		if random.IntN(2) == 0 {
			for i := range lengths {
				lengths[i] = uint32(random.IntN(300))
			}
		}
		data := make([]byte, sum(lengths))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		builder := batch.NewBuilder(0)
		builder.Add(data, lengths, 0, nil)
		b := builder.Seal(batch.Header{First: 1000})
		from := 1000 + uint64(random.IntN(n))
		to := from + 1 + uint64(random.IntN(int(b.Next()-from)))
		var got []byte
		var each []uint32
		for at := from; at < to; {
			p := b.Part(at, to, most)
			count := int(p.To - at)
			if count < 1 || p.To > to || len(p.Data) > most && count > 1 {
				t.Fatalf("a part of %d records, %d bytes of %d", count, len(p.Data), most)
			}
			if p.To < to && len(p.Data)+int(lengths[p.To-1000]) <= most {
				t.Fatalf("a part of %d bytes of %d leaves a record of %d", len(p.Data), most, lengths[p.To-1000])
			}
			got = append(got, p.Data...)
			var err error
			if each, err = batch.AppendLengths(each, p.Lengths, count, len(p.Data)); err != nil {
				t.Fatal(err)
			}
			at = p.To
		}
		if want := b.Range(from, to); !bytes.Equal(got, want) || !slices.Equal(each, lengths[from-1000:to-1000]) {
			t.Fatalf("parts have %d bytes, %d records, want %d, %d", len(got), len(each), len(want), to-from)
		}
	}
}

func TestLengthsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		lengths     []byte
		count, size int
	}{
		{nil, 0, 1}, {nil, 2, 3}, {nil, 1, batch.MaxRecord + 1},
		{[]byte{1}, 2, 1}, {[]byte{1, 2}, 1, 1}, {[]byte{1, 2}, 2, 4}, {[]byte{0x80, 0}, 1, 0},
		{[]byte{0x81, 0x80, 0x40}, 1, batch.MaxRecord + 1}, {[]byte{0xff}, 1, 127}, {[]byte{1}, 0, 0},
	} {
		if l, err := batch.AppendLengths(nil, c.lengths, c.count, c.size); !errors.Is(err, batch.ErrCorrupt) {
			t.Errorf("%x of %d records in %d bytes: %v, %v", c.lengths, c.count, c.size, l, err)
		}
	}
}
