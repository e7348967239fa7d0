package topic_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"waverider"
	"waverider/topic"
)

// A Message tells whose records it has, from memory and from the disk, also to
// the members of a group, and never has those of two.
func TestMessagesTellTheirProducer(t *testing.T) {
	for _, d := range []waverider.Durability{"sync", "async", "memory"} {
		t.Run(string(d), func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			top := create(t, s, "a", d)
			live, err := top.Reader(t.Context(), topic.From{})
			if err != nil {
				t.Fatal(err)
			}
			defer live.Close()
			want := mixed(t, top)
			check(t, live, want)
			if d == "memory" {
				return
			}
			m := join(t, top, topic.JoinOptions{UntilNow: true})
			defer m.Close()
			for n := uint64(1); ; {
				msg, err := m.Next(t.Context(), 0)
				if errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				n = told(t, msg, n, want)
				msg.Release()
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if top, err = open(t, dir).Topic("a"); err != nil {
				t.Fatal(err)
			}
			stored, err := top.Reader(t.Context(), topic.From{})
			if err != nil {
				t.Fatal(err)
			}
			defer stored.Close()
			check(t, stored, want)
		})
	}
}

// mixed stores records of several producers, some at once, and answers whose
// each is.
func mixed(t *testing.T, top *topic.Topic) []string {
	t.Helper()
	names := []string{topic.Anonymous, "slot-x", "hub-1", "space"}
	writers := make([]*topic.Writer, len(names))
	for i, name := range names {
		w, err := top.Writer(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		writers[i] = w
	}
	for round := range 20 {
		for i, w := range writers {
			line := fmt.Appendf(nil, "%q\n", names[i])
			if err := w.Append(t.Context(), line, []uint32{uint32(len(line))}, topic.State{End: uint64(round + 1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, w := range writers {
		if _, err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	all, _ := readAll(t, top, topic.From{})
	var whose []string
	for len(all) > 0 {
		var name string
		n, err := fmt.Sscanf(string(all), "%q\n", &name)
		if err != nil || n != 1 {
			t.Fatal(err)
		}
		whose = append(whose, name)
		all = all[len(name)+3:]
	}
	if len(whose) != 80 {
		t.Fatalf("%d records", len(whose))
	}
	return whose
}

func told(t *testing.T, m *topic.Message, n uint64, want []string) uint64 {
	t.Helper()
	for rec := range m.Records {
		if m.Producer != want[n-1] || string(rec.Data) != fmt.Sprintf("%q\n", want[n-1]) {
			t.Errorf("record %d is told to be of %q, it is of %q: %s", n, m.Producer, want[n-1], rec.Data)
		}
		n++
	}
	return n
}

func check(t *testing.T, r *topic.Reader, want []string) {
	t.Helper()
	r.UntilNow()
	for n := uint64(1); ; {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		n = told(t, m, n, want)
		m.Release()
	}
}
