package topic_test

import (
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func TestFarReadersHoldWhatTheyHaveNotAcked(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 100_000})
	for _, name := range []string{topic.FarSpace, topic.FarHub + "7"} {
		for range 2 { // a second time changes nothing
			if err := top.Remember(t.Context(), name, time.Hour); err != nil {
				t.Fatal(err)
			}
		}
	}
	w, err := top.Writer(t.Context(), topic.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Wait = false
	n := 0
	for ; ; n++ {
		data, lengths := lines(n, n+1, 10_000)
		if err := w.Append(t.Context(), data, lengths, topic.State{}); waverider.KindOf(err) == waverider.Full {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if n != 10 && n != 9 {
		t.Errorf("%d records of 10,000 bytes in 100,000", n)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	want := map[string]string{"space": "space", "7": "hub"}
	for _, r := range infoOf(t, s, "limited").Readers {
		if want[r.Name] != r.Kind || !r.Holds || r.Lag != uint64(n) || r.Connected != 0 || r.Expires != time.Hour {
			t.Errorf("reader %+v", r)
		}
		delete(want, r.Name)
	}
	if len(want) > 0 {
		t.Errorf("not listed: %v", want)
	}
	s.Tend(t.Context(), time.Now().Add(2*time.Hour))
	if left := infoOf(t, s, "limited").Readers; len(left) > 0 {
		t.Errorf("not forgotten: %+v", left)
	}
}

func TestTopicsInMemoryHaveNoFarReaders(t *testing.T) {
	top := create(t, open(t, t.TempDir()), "a", "memory")
	if err := top.Remember(t.Context(), topic.FarSpace, 0); waverider.KindOf(err) != waverider.Unprocessable {
		t.Errorf("got %v", err)
	}
}
