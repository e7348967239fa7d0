package pump_test

import (
	"io"
	"runtime"
	"testing"

	"waverider"
	"waverider/topic"
)

// A filter that has given one record that nobody has room for (or reads), and
// then drops all it is given: what the Hub keeps in memory meanwhile.
func TestFilterWhoseOutputWaitsKeepsLittle(t *testing.T) {
	for name, blocked := range map[string]bool{"control: out has room": false, "out is full": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			in, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "in", ContentType: waverider.TypeNDJSON, Durability: "async"})
			if err != nil {
				t.Fatal(err)
			}
			out, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "out", ContentType: waverider.TypeNDJSON, MaxBytes: 10_000})
			if err != nil {
				t.Fatal(err)
			}
			if blocked {
				m, err := out.Join(t.Context(), "slow", topic.JoinOptions{})
				if err != nil {
					t.Fatal(err)
				}
				defer m.Close()
				pad := make([]byte, 9_990)
				for i := range pad {
					pad[i] = 'x'
				}
				r.send(out, string(pad)+"\n")
			}
			const size, count = 100_000, 2500 // 250 MB
			rec := make([]byte, size)
			for i := range rec {
				rec[i] = 'y'
			}
			rec[size-1] = '\n'
			w, err := in.Writer(t.Context(), topic.Anonymous)
			if err != nil {
				t.Fatal(err)
			}
			for range count {
				if err := w.Append(t.Context(), rec, []uint32{size}, topic.State{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.Close()
			heap := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc >> 20
			}
			before := heap()
			v := r.start(in, out, false)
			v.write(t, "an answer of some length, more than is left there\n")
			v.Mark(0, 1, true)
			for i := range count {
				if _, err := io.CopyN(io.Discard, v, size); err != nil {
					t.Fatal(err)
				}
				v.Mark(uint64(i+1), 0, true)
			}
			after := heap()
			t.Logf("heap before %d MiB, after 250 MB went through %d MiB", before, after)
			if after > before+64 {
				t.Errorf("the Hub keeps %d MiB of records in memory", after-before)
			}
		})
	}
}
