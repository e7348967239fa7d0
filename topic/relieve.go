package topic

import (
	"context"
	"time"

	"waverider/topic/batch"
)

// relieveEvery is how often a disk that is nearly full is looked through.
const relieveEvery = time.Second

// relieve makes room on a disk that is nearly full: what is stored here on its way
// to a Space, and has been acked by all who read it, is not kept there any
// longer. Otherwise a Hub that filled its disk while it was cut off would take
// no record again. A Space drops nothing that way: it is where records stay.
func (s *Store) relieve(ctx context.Context) {
	for {
		select {
		case <-s.guard.refusing():
		case <-ctx.Done():
			return
		}
		if s.guard.check() != nil {
			for _, t := range s.Topics() {
				if err := t.dropAcked(ctx); err != nil && ctx.Err() == nil && t.Life().Err() == nil {
					s.log.Warn("no room made on the disk", "topic", t.name, "err", err)
				}
			}
		}
		if pause(ctx, relieveEvery) != nil {
			return
		}
	}
}

// dropAcked drops all that every durable reader has acked, of a Topic that a
// Space reads.
func (t *Topic) dropAcked(ctx context.Context) error {
	t.dropping.Lock()
	defer t.dropping.Unlock()
	t.mu.Lock()
	floor, first := t.floor(), t.first
	sent := t.ready && t.ended == nil && t.cursors[FarSpace] != nil
	t.mu.Unlock()
	if !sent || floor <= first {
		return nil
	}
	return t.drop(ctx, floor, func(batch.Header) bool { return true }, func(*batch.Batch) bool { return true })
}
