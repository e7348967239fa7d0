package topic_test

import (
	"slices"
	"testing"

	"waverider"
	"waverider/topic"
)

// How far a far producer came in its epochs outlives its records and kills.
func TestFarProducersKeepTheirPast(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 100_000})
	say := func(top *topic.Topic, tag topic.State) *topic.Writer {
		w, err := top.TakeOver(t.Context(), "hub-1")
		if err != nil {
			t.Fatal(err)
		}
		if w.Last().Epoch != tag.Epoch {
			if err := w.EndEpoch(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Append(t.Context(), []byte("x\n"), []uint32{2}, tag); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := say(top, topic.State{Epoch: 5, End: 1})
	if past := first.Past(); len(past) > 0 {
		t.Errorf("past of a new producer: %v", past)
	}
	first.Close()
	for _, tag := range []topic.State{{Epoch: 5, End: 10}, {Epoch: 9, End: 7}, {Epoch: 7, End: 30}, {Epoch: 5, End: 20}} { // epochs in any order
		say(top, tag).Close()
	}
	for n := range 30 { // all of it is dropped
		write(t, top, n, n+1, 10_000)
	}
	dir = image(t, dir)
	top, err := open(t, dir).Topic("limited")
	if err != nil {
		t.Fatal(err)
	}
	w, err := top.TakeOver(t.Context(), "hub-1")
	if err != nil {
		t.Fatal(err)
	}
	if last := w.Last(); last != (topic.State{Epoch: 5, End: 20}) {
		t.Errorf("it is at %+v", last)
	}
	if past := w.Past(); !slices.Equal(past, []topic.State{{Epoch: 9, End: 7}, {Epoch: 7, End: 30}}) {
		t.Errorf("past %+v", past)
	}
	w.Close()
	for e := range uint32(40) {
		w = say(top, topic.State{Epoch: 100 + e, End: 1})
		w.Close()
	}
	if past := w.Past(); len(past) != 16 || past[15].Epoch != 138 {
		t.Errorf("%d of the past are kept, the newest %+v", len(past), past[len(past)-1])
	}
}
