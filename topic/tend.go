package topic

import (
	"context"
	"time"
)

const tendEvery = 10 * time.Second

// tend does what time brings: old records go, readers nobody uses are forgotten.
func (s *Store) tend(ctx context.Context) {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			s.Tend(ctx, now)
		case <-ctx.Done():
			return
		}
	}
}

// idleKept is how exactly it is on disk for how long a reader was away.
const idleKept = time.Hour

// idle is for how long nobody has read. The clock may be set forth or back by
// years, or the machine be off: only time in which somebody could have read counts,
// by the clock that never jumps.
func (c *cursor) idle(now time.Time) time.Duration {
	if c.readers > 0 {
		return 0
	}
	return c.saved.Idle + max(0, now.Sub(c.counted))
}

// age lets time pass for the readers that are away, and answers those that are to
// be forgotten. t.mu is held.
func (t *Topic) age(now time.Time, keep time.Duration) (stale []string) {
	for name, c := range t.cursors {
		if c.readers > 0 || c.saved.Expires == 0 {
			continue
		}
		before := c.saved.Idle
		if c.saved.Idle = c.idle(now); now.After(c.counted) {
			c.counted = now
		}
		if c.saved.Idle > c.saved.Expires {
			stale = append(stale, name)
		}
		if before/keep != c.saved.Idle/keep {
			t.store.cursors.touch(t, name)
		}
	}
	return stale
}

// Tend does once what is done every ten seconds, as of now.
func (s *Store) Tend(ctx context.Context, now time.Time) {
	for _, t := range s.Topics() {
		t.mu.Lock()
		leaving := t.meta.Deleting
		aged := t.meta.MaxAge > 0 && t.ended == nil
		stale := t.age(now, idleKept)
		t.mu.Unlock()
		if leaving {
			if err := s.remove(t); err != nil && ctx.Err() == nil {
				s.log.Warn("deleted topic not erased yet", "topic", t.name, "err", err)
			}
			continue
		}
		for _, name := range stale {
			s.log.Info("reader forgotten: nobody has read for too long", "topic", t.name, "reader", name)
			if err := t.Forget(ctx, name); err != nil {
				s.log.Warn("reader not forgotten", "topic", t.name, "reader", name, "err", err)
			}
		}
		if !aged {
			continue
		}
		err := t.ensureReady(ctx)
		if err == nil {
			err = t.expire(ctx, now)
		}
		if err != nil && ctx.Err() == nil {
			s.log.Warn("old records not dropped", "topic", t.name, "err", err)
		}
	}
}
