package topic_test

import (
	"sync"
	"testing"
	"time"

	"waverider/topic"
)

// A reader that is opened while it is forgotten is remembered afterwards, or was
// never there: what it acks always goes somewhere.
func TestReaderIsOpenedWhileItIsForgotten(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "t", "sync")
	write(t, top, 0, 10, 50)
	for range 50 {
		var tasks sync.WaitGroup
		for range 2 {
			tasks.Go(func() {
				r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
				if err != nil {
					t.Error(err)
					return
				}
				defer r.Close()
				if _, known, err := top.Known(t.Context(), "group:g"); err != nil || !known {
					t.Errorf("an open reader is known: %t, %v", known, err)
				}
			})
		}
		tasks.Go(func() { _ = top.Forget(t.Context(), "group:g") }) // or it is in use, or not there
		tasks.Wait()
	}
}
