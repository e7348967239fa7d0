package bus_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"waverider/bus"
)

func BenchmarkPublish(b *testing.B) {
	for _, s := range streams {
		for _, size := range []int{100, 512 << 10} {
			b.Run(fmt.Sprintf("%s/%d", s.Name, size), func(b *testing.B) {
				store := open(b, b.TempDir())
				ensure(b, store)
				m := bus.Msg{Subject: "wr.hub." + s.Name + ".a.h.p", Data: make([]byte, size)}
				var took []time.Duration
				b.SetBytes(int64(size))
				b.ReportAllocs()
				for b.Loop() {
					started := time.Now()
					seq, err := store.Publish(b.Context(), s.Name, m)
					if err != nil {
						b.Fatal(err)
					}
					m.After = seq
					took = append(took, time.Since(started))
					if seq%1000 == 0 && size > 1000 { // keeps the disk small
						b.StopTimer()
						if err := store.Purge(b.Context(), s.Name, "", seq); err != nil {
							b.Fatal(err)
						}
						b.StartTimer()
					}
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			})
		}
	}
}

// BenchmarkPublishMany shows from how many messages on a batch with one fsync is worth its files.
func BenchmarkPublishMany(b *testing.B) {
	for _, how := range []string{"sync/each", "sync/all", "async/each"} {
		for _, n := range []int{2, 8, 30, 100, 1000} {
			b.Run(fmt.Sprintf("%s/%d", how, n), func(b *testing.B) {
				stream, way, _ := strings.Cut(how, "/")
				store := open(b, b.TempDir())
				ensure(b, store)
				ms := make([]bus.Msg, n)
				for i := range ms {
					ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.%s.t%d.h.p", stream, i), Data: make([]byte, 200)}
				}
				b.ReportAllocs()
				for b.Loop() {
					seqs, err := publishMany(b, store, stream, way, ms)
					if err != nil {
						b.Fatal(err)
					}
					for i := range ms {
						ms[i].After = seqs[i]
					}
				}
			})
		}
	}
}

func publishMany(b *testing.B, store *bus.Bus, stream, way string, ms []bus.Msg) ([]uint64, error) {
	if way == "each" {
		seqs, errs := store.PublishEach(b.Context(), stream, ms)
		return seqs, errors.Join(errs...)
	}
	last, err := store.PublishAll(b.Context(), stream, ms)
	seqs := make([]uint64, len(ms))
	for i := range seqs {
		seqs[i] = last - uint64(len(ms)-1-i)
	}
	return seqs, err
}

// BenchmarkFetch reads one of many Topics that share a stream.
func BenchmarkFetch(b *testing.B) {
	const topics, rounds = 1000, 200
	store := open(b, b.TempDir())
	ensure(b, store)
	ms := make([]bus.Msg, topics)
	for i := range ms {
		ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.sync.t%d.h.p", i), Data: make([]byte, 200)}
	}
	for range rounds {
		last, err := store.PublishAll(b.Context(), "sync", ms)
		if err != nil {
			b.Fatal(err)
		}
		for i := range ms {
			ms[i].After = last - uint64(topics-1-i)
		}
	}
	for _, subject := range []string{"wr.hub.sync.t7.h.p", "wr.hub.sync.t7.*.*"} {
		for _, from := range []uint64{1, topics * rounds / 2, topics * (rounds - 2)} {
			for _, n := range []int{1, 16, 100} {
				b.Run(fmt.Sprintf("%s/%d/%d", subject, from, n), func(b *testing.B) {
					got := 0
					for b.Loop() {
						ms, err := store.Fetch(b.Context(), "sync", subject, from, n, 1<<20)
						if err != nil {
							b.Fatal(err)
						}
						got = len(ms)
					}
					b.ReportMetric(float64(got), "messages")
				})
			}
			b.Run(fmt.Sprintf("%s/%d/next", subject, from), func(b *testing.B) {
				for b.Loop() {
					if _, err := store.NextOf(b.Context(), "sync", subject, from); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkFetchLarge(b *testing.B) {
	store := open(b, b.TempDir())
	ensure(b, store)
	m := bus.Msg{Subject: "wr.hub.async.a.h.p", Data: make([]byte, 512<<10)}
	for range 400 {
		seq, err := store.Publish(b.Context(), "async", m)
		if err != nil {
			b.Fatal(err)
		}
		m.After = seq
	}
	b.SetBytes(16 << 19)
	b.ReportAllocs()
	from := uint64(1)
	for b.Loop() {
		ms, err := store.Fetch(b.Context(), "async", m.Subject, from, 16, 16<<20)
		if err != nil || len(ms) != 16 {
			b.Fatal(len(ms), err)
		}
		if from += 16; from > 380 {
			from = 1
		}
	}
}
