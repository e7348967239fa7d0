package topic

import (
	"context"
	"time"
)

// readerPatience is how long, unless configured otherwise, the producers of a
// memory Topic wait for a reader that needs the oldest records, before it loses
// them.
const readerPatience = 100 * time.Millisecond

// waitsFor tells how long a memory Topic should wait before n more bytes push
// out what a live reader still needs. t.mu is held.
func (t *Topic) waitsFor(n int) time.Duration {
	if !t.memory() {
		return 0
	}
	kept := t.tail.keeps(t.tailLimit() - 4*n) // buffers come in steps of four
	if kept == 0 {
		return 0
	}
	var wait time.Duration
	now := time.Now()
	for r := range t.readers {
		if r.at >= kept || r.late {
			continue
		}
		left := t.store.cfg.Patience - now.Sub(r.moved)
		if left <= 0 {
			r.late = true
			continue
		}
		wait = max(wait, left)
	}
	return wait
}

// keeps is the first number that is left when the tail is cut to so many bytes;
// 0 when nothing has to go.
func (l *tail) keeps(limit int) uint64 {
	bytes, number := l.bytes, uint64(0)
	for _, in := range l.list {
		if bytes <= limit {
			break
		}
		bytes -= in.batch.Size()
		number = in.batch.Next()
	}
	return number
}

// awaitReader waits for a reader to move, at most so long. t.mu is held, and
// again when it returns.
func (t *Topic) awaitReader(ctx context.Context, most time.Duration) error {
	roomier := t.roomier.wait()
	t.mu.Unlock()
	defer t.mu.Lock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-roomier:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
