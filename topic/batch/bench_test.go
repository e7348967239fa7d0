package batch_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"waverider/topic/batch"
)

// linesOf makes about size bytes of whole lines, each near length long.
func linesOf(size, length, spread int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var p []byte
	for len(p) < size {
		n := length
		if spread > 0 {
			n += r.IntN(2*spread+1) - spread
		}
		p = append(p, bytes.Repeat([]byte{'x'}, n-1)...)
		p = append(p, '\n')
	}
	return p
}

// BenchmarkPipeline is what each byte of a producer goes through: cut into
// lines, gathered, sealed with a checksum.
func BenchmarkPipeline(b *testing.B) {
	for _, c := range []struct{ length, spread, read int }{
		{100, 0, 64 << 10}, {100, 40, 64 << 10}, {100, 40, 512 << 10}, {200, 100, 64 << 10}, {20, 8, 64 << 10}, {4000, 1000, 64 << 10}, {200_000, 1000, 64 << 10},
	} {
		b.Run(fmt.Sprintf("line=%d±%d/read=%dK", c.length, c.spread, c.read>>10), func(b *testing.B) {
			in := linesOf(8<<20, c.length, c.spread)
			s := batch.NewSplitter(batch.Lines)
			builder := batch.NewBuilder(batch.MaxData)
			batches := 0
			add := func(records []byte, lengths []uint32) error {
				for len(lengths) > 0 {
					n, size := builder.Fit(lengths)
					if n == 0 {
						builder.Seal(batch.Header{First: 1}).Release()
						builder = batch.NewBuilder(batch.MaxData)
						batches++
						continue
					}
					builder.Add(records[:size], lengths[:n], 1, nil)
					records, lengths = records[size:], lengths[n:]
				}
				return nil
			}
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				for p := in; len(p) > 0; {
					n := min(c.read, len(p))
					if err := s.Split(p[:n], add); err != nil {
						b.Fatal(err)
					}
					p = p[n:]
				}
			}
			b.ReportMetric(float64(batches)/float64(b.N), "batches/op")
		})
	}
}

func BenchmarkSplit(b *testing.B) {
	for _, length := range []int{10, 20, 100, 1000} {
		b.Run(fmt.Sprintf("line=%d", length), func(b *testing.B) {
			in := linesOf(64<<10, length, length/3)
			s := batch.NewSplitter(batch.Lines)
			b.SetBytes(int64(len(in)))
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Split(in, func([]byte, []uint32) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// full is a sealed batch of lines of about 100 bytes.
func full() *batch.Batch {
	builder := batch.NewBuilder(batch.MaxData)
	s := batch.NewSplitter(batch.Lines)
	s.Split(linesOf(batch.MaxData-200, 100, 40), func(records []byte, lengths []uint32) error {
		builder.Add(records, lengths, 1, nil)
		return nil
	})
	return builder.Seal(batch.Header{First: 1})
}

func BenchmarkSealOneRecord(b *testing.B) {
	record, lengths := linesOf(1, 100, 0), []uint32{100}
	b.ReportAllocs()
	for b.Loop() {
		builder := batch.NewBuilder(0)
		builder.Add(record, lengths, 1, nil)
		builder.Seal(batch.Header{First: 1}).Release()
	}
}

func BenchmarkDecode(b *testing.B) {
	s := full()
	b.SetBytes(int64(len(s.Data())))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := batch.Decode(s.Encoded()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	s := full()
	b.SetBytes(int64(len(s.Data())))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for r := range s.Records(0) {
			n += len(r.Data)
		}
		if n != len(s.Data()) {
			b.Fatal(n)
		}
	}
}

func BenchmarkRangeOfOne(b *testing.B) {
	s := full()
	b.ReportAllocs()
	number := uint64(1)
	for b.Loop() {
		if len(s.Range(number, number+1)) == 0 {
			b.Fatal(number)
		}
		if number++; number == s.Next() {
			number = 1
		}
	}
}
