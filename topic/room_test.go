package topic_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func TestManyProducersOfAFullTopic(t *testing.T) {
	for range 5 {
		s := open(t, t.TempDir())
		top := create(t, s, "grown", waverider.DurabilityAsync)
		write(t, top, 0, 50000, 100) // it has moved to a stream of its own
		small := int64(1 << 20)
		if err := top.Update(t.Context(), topic.Change{MaxBytes: &small}); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		for p := range 8 {
			group.Go(func() {
				w, err := top.Writer(t.Context(), string(rune('a'+p)))
				if err != nil {
					t.Error(err)
					return
				}
				defer w.Close()
				for i := range 40 {
					data, lengths := lines(i*100, (i+1)*100, 100)
					if err := w.Append(t.Context(), data, lengths, topic.State{}); err != nil {
						t.Error(err)
						return
					}
				}
				if _, err := w.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		i := info(t, top)
		if _, n := readAll(t, top, topic.From{}); uint64(n) != i.Records {
			t.Errorf("read %d records, info says %d", n, i.Records)
		}
		if len(i.Damage) > 0 {
			t.Errorf("damage: %+v", i.Damage)
		}
	}
}

func TestAppendLargerThanTheTopicIsStored(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 10 << 10})
	w, err := top.Writer(t.Context(), topic.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 3 {
		data, lengths := lines(i*200, (i+1)*200, 100)
		within(t, 5*time.Second, func(ctx context.Context) error {
			if err := w.Append(ctx, data, lengths, topic.State{}); err != nil {
				return err
			}
			_, err := w.Flush(ctx)
			return err
		})
	}
}
