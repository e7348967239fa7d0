package topic

import (
	"context"
	"time"
)

const (
	scrubAfter = time.Hour      // a Store opened does its first scrub then
	scrubEvery = 24 * time.Hour // and others so long after
	scrubRate  = 20 << 20       // bytes a second
)

// Scrubbed is what a scrub of a Topic found.
type Scrubbed struct {
	At      time.Time // when it ended
	Bytes   uint64    // of records that were read and are right
	Damaged int       // places that are not
}

// scrub reads all stored batches and checks them, at a pace that leaves the
// disk to others. What is missing or broken is noted with the Topic.
func (t *Topic) scrub(ctx context.Context, rate int) (Scrubbed, error) {
	if err := t.ensureReady(ctx); err != nil || t.memory() {
		return Scrubbed{}, err
	}
	r := &Reader{t: t}
	t.mu.Lock()
	r.at, r.until = t.first, t.next
	before := len(t.meta.Damage)
	t.mu.Unlock()
	began, out := time.Now(), Scrubbed{}
	for r.at < r.until {
		b, err := r.nextStored(ctx)
		if err != nil {
			return out, err
		}
		if b == nil {
			t.missing(r.at, r.until)
			break
		}
		h := b.Header()
		if h.First > r.at {
			r.jump(ctx, h.First)
		}
		r.at = b.Next()
		out.Bytes += uint64(len(b.Data()))
		b.Release()
		ahead := time.Duration(float64(out.Bytes)/float64(rate)*float64(time.Second)) - time.Since(began)
		if ahead > 10*time.Millisecond {
			select {
			case <-time.After(ahead):
			case <-ctx.Done():
				return out, ctx.Err()
			}
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	out.At, out.Damaged = time.Now(), max(0, len(t.meta.Damage)-before)
	t.scrubbed = out
	return out, nil
}

// missing notes records that the store should have and does not.
func (t *Topic) missing(from, to uint64) {
	t.mu.Lock()
	from = max(from, t.first)
	t.mu.Unlock()
	if from < to {
		t.damaged(context.Background(), from, to, "the store ends before these records")
	}
}

// Scrub checks all Topics, reading at most rate bytes a second.
func (s *Store) Scrub(ctx context.Context, rate int) error {
	for _, t := range s.Topics() {
		done, err := t.scrub(ctx, rate)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			s.log.Warn("topic not checked", "topic", t.name, "err", err)
		case done.Damaged > 0:
			s.log.Error("check of a topic found damage", "topic", t.name, "places", done.Damaged)
		}
	}
	return nil
}

// scrubber checks all Topics once a day.
func (s *Store) scrubber(ctx context.Context) {
	wait := time.NewTimer(scrubAfter)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		if s.Scrub(ctx, scrubRate) != nil {
			return
		}
		wait.Reset(scrubEvery)
	}
}
