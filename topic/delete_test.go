package topic_test

import (
	"context"
	"fmt"
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

// A producer of a Topic at its limit, whose Topic is deleted.
func TestAppendToAFullTopicThatIsDeleted(t *testing.T) {
	s := open(t, t.TempDir(), func(c *topic.Config) { c.Log = discard() })
	bad := map[string]int{}
	for round := range 60 {
		top := limited(t, s, waverider.TopicConfig{MaxBytes: 20_000})
		w, err := top.Writer(t.Context(), "slot-x")
		if err != nil {
			t.Fatal(err)
		}
		end := make(chan error)
		go func() {
			for i := 0; ; i++ {
				data, lengths := lines(i, i+1, 3000)
				if err := w.Append(t.Context(), data, lengths, topic.State{Epoch: 1, End: uint64(i + 1)}); err != nil {
					end <- err
					return
				}
			}
		}()
		time.Sleep(20*time.Millisecond + time.Duration(round%20)*time.Millisecond/4)
		if err := s.Delete(t.Context(), "limited"); err != nil {
			t.Fatal(err)
		}
		if err := <-end; waverider.KindOf(err) != waverider.Gone {
			bad[fmt.Sprintf("%v: %v", waverider.KindOf(err), err)[:60]]++
		}
		w.Close()
	}
	if len(bad) > 0 {
		t.Errorf("of 60 ended with another error than Gone: %v", bad)
	}
}

// A kill between the two steps of leaving a stream leaves records there.
func TestDeleteTakesWhatAKillLeftInTheSharedStream(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 20_000})
	if err := top.LeaveBehind(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := top.LeftBehind(t.Context()); err != nil || n != 1 {
		t.Fatal(n, err)
	}
	if err := s.Delete(t.Context(), "limited"); err != nil {
		t.Fatal(err)
	}
	if n, err := top.LeftBehind(t.Context()); err != nil || n != 0 {
		t.Errorf("%d messages are left, %v", n, err)
	}
}
