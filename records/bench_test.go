package records_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"waverider/records"
)

func BenchmarkPut(b *testing.B) {
	hubs := records.Of[hub](openOn(b, openBus(b, b.TempDir())), "hubs")
	for i := 0; b.Loop(); i++ {
		if _, err := hubs.Put(b.Context(), fmt.Sprint(i%1000), hub{Name: "a hub", Seen: i}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	hubs := records.Of[hub](openOn(b, openBus(b, b.TempDir())), "hubs")
	if _, err := hubs.Put(b.Context(), "a", hub{Name: "a hub"}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, _, err := hubs.Get(b.Context(), "a"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen reads as many values as may be kept.
func BenchmarkOpen(b *testing.B) {
	const keys = 100_000
	engine := openBus(b, b.TempDir())
	s := openOn(b, engine)
	hubs := records.Of[hub](s, "hubs")
	var group sync.WaitGroup
	for w := range 32 {
		group.Go(func() {
			for i := w; i < keys; i += 32 {
				if _, err := hubs.Create(b.Context(), fmt.Sprint(i), hub{Name: fmt.Sprint("hub ", i), Labels: []string{"a label", "another"}}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	s.Close()
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		s := openOn(b, engine)
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "ms/open")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MB")
		s.Close()
	}
}
