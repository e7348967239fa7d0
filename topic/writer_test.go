package topic_test

import (
	"testing"

	"waverider"
	"waverider/topic"
	"waverider/topic/batch"
)

// What no message can have is refused, and the Topic goes on.
func TestMoreThanAMessageIsRefused(t *testing.T) {
	for _, durability := range []waverider.Durability{"sync", "memory"} {
		top := create(t, open(t, t.TempDir()), "t", durability)
		w, err := top.Writer(t.Context(), topic.Anonymous)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		half := uint32(batch.MaxData/2 + 1)
		for what, lengths := range map[string][]uint32{
			"two records":      {half, half},
			"one record":       {batch.MaxRecord + 1},
			"too many records": make([]uint32, batch.MaxCount+1),
		} {
			n := 0
			for _, l := range lengths {
				n += int(l)
			}
			if err := w.Append(t.Context(), make([]byte, n), lengths, topic.State{}); waverider.KindOf(err) != waverider.TooLarge {
				t.Errorf("%s: %v", what, err)
			}
		}
		write(t, top, 0, 10, 100)
		if err := w.Append(t.Context(), make([]byte, batch.MaxRecord), []uint32{batch.MaxRecord}, topic.State{}); err != nil {
			t.Errorf("the largest record: %v", err)
		}
		if _, err := w.Flush(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
