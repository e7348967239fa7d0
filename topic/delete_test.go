package topic_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// within fails the test when do takes too long.
func within(t *testing.T, d time.Duration, do func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := do(ctx); err != nil {
		t.Error(err)
	}
}

func TestDeleteWhileRecordsComeForTheFirstTime(t *testing.T) {
	s := open(t, t.TempDir())
	for i := range 40 {
		top := create(t, s, "brief", waverider.DurabilitySync)
		w, err := top.Writer(t.Context(), topic.Anonymous)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() {
			time.Sleep(time.Duration(i) * 50 * time.Microsecond)
			data, lengths := lines(0, 1, 10)
			_ = w.Append(t.Context(), data, lengths, topic.State{})
		})
		within(t, 5*time.Second, func(ctx context.Context) error { return s.Delete(ctx, "brief") })
		group.Wait()
		w.Close()
		if t.Failed() {
			return
		}
	}
}
