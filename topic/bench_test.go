package topic_test

import (
	"testing"

	"waverider"
	"waverider/topic"
)

// BenchmarkThrough sends 100-byte records through a Topic to one live reader.
func BenchmarkThrough(b *testing.B) {
	for _, d := range []waverider.Durability{"memory", "async", "sync"} {
		b.Run(string(d), func(b *testing.B) {
			s, err := topic.Open(b.Context(), topic.Config{Dir: b.TempDir(), Hub: "hub-1", MaxStore: 16 << 30, Log: discard()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			top, err := s.Create(b.Context(), waverider.TopicConfig{Name: "bench", ContentType: waverider.TypeNDJSON, Durability: d})
			if err != nil {
				b.Fatal(err)
			}
			r, err := top.Reader(b.Context(), topic.From{New: true})
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			data, lengths := lines(0, 1000, 100)
			b.SetBytes(int64(len(data)))
			done := make(chan uint64)
			b.ResetTimer()
			go func() {
				var n, missed uint64
				for n+missed < uint64(b.N)*1000 {
					m, err := r.Next(b.Context())
					if err != nil {
						b.Error(err)
						break
					}
					n += m.Count()
					missed += m.Missed
					_ = m.Data()
					m.Release()
				}
				done <- missed
			}()
			w, err := top.Writer(b.Context(), topic.Anonymous)
			if err != nil {
				b.Fatal(err)
			}
			defer w.Close()
			for range b.N {
				if err := w.Append(b.Context(), data, lengths, topic.State{}); err != nil {
					b.Fatal(err)
				}
			}
			if _, err := w.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
			if missed := <-done; missed > 0 {
				b.ReportMetric(float64(missed), "missed")
			}
		})
	}
}
