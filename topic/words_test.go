package topic_test

import (
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// Who writes for another Store finds where it was after all its records were
// dropped, in the stream they were in and in one that is left behind.
func TestFarProducersKeepTheirPlaceWhenTheirRecordsAreDropped(t *testing.T) {
	for _, cfg := range []waverider.TopicConfig{{MaxBytes: 100_000}, {MaxBytes: 100_000, Durability: "async"}, {}} {
		dir := t.TempDir()
		s := open(t, dir)
		top := limited(t, s, cfg)
		want := topic.State{Epoch: 7, End: 4711}
		say := func(id string, tag topic.State) {
			w, err := top.TakeOver(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			if err := w.Append(t.Context(), []byte("x\n"), []uint32{2}, tag); err != nil {
				t.Fatal(err)
			}
			if _, err := w.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		say("hub-old", want)
		say("hub-stays", topic.State{Epoch: 1, End: 1})
		for n := range 600 { // they leave the shared stream, where it began in one
			write(t, top, n, n+1, 10_000)
		}
		if cfg.MaxBytes == 0 {
			limit := int64(100_000)
			if err := top.Update(t.Context(), topic.Change{MaxBytes: &limit}); err != nil {
				t.Fatal(err)
			}
		}
		say("hub-stays", topic.State{Epoch: 2, End: 2})
		s.Tend(t.Context(), time.Now())
		if i := info(t, top); i.First.Number < 3 {
			t.Fatalf("nothing was dropped: %+v", i)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := open(t, dir).Topic("limited")
		if err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]topic.State{"hub-old": want, "hub-stays": {Epoch: 2, End: 2}, "hub-new": {}} {
			w, err := again.TakeOver(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if w.Last() != want {
				t.Errorf("%+v: %s goes on after %+v, want %+v", cfg, id, w.Last(), want)
			}
			w.Close()
		}
	}
}
