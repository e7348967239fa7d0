package topic

import (
	"context"
	"fmt"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/topic/ledger"
)

// ensureReady finds out, once, where the Topic stands.
func (t *Topic) ensureReady(ctx context.Context) error {
	t.mu.Lock()
	ready, ended := t.ready, t.ended
	t.mu.Unlock()
	if ready || ended != nil {
		return ended
	}
	t.opening.Lock()
	defer t.opening.Unlock()
	t.mu.Lock()
	ready = t.ready
	t.mu.Unlock()
	if ready {
		return nil
	}
	if err := t.recover(ctx); err != nil {
		return fmt.Errorf("open Topic %s: %w", t.name, err)
	}
	return nil
}

// recover looks at the last stored batch and at the marks.
func (t *Topic) recover(ctx context.Context) error {
	s := t.store
	t.putting.Lock() // what is remembered may have to change
	defer t.putting.Unlock()
	t.mu.Lock()
	meta, ended := t.meta, t.ended
	t.mu.Unlock()
	if ended != nil {
		return ended
	}
	mark, _, err := s.ledger.Mark(t.name)
	if err != nil {
		return err
	}
	cursors, err := s.ledger.Cursors(t.name)
	if err != nil {
		return err
	}
	next, before := max(meta.Dropped, meta.Runs[len(meta.Runs)-1].First), meta.DroppedBytes // of a run that nothing is stored of yet
	stands := stored{}
	if !t.memory() && t.fresh {
		if err := t.ensureStream(ctx, segmentOf(t.name, meta.Segments[0])); err != nil {
			return err
		}
	} else if !t.memory() {
		if stands, err = t.lastStored(ctx, meta.Segments); err != nil {
			return err
		}
		if stands.found {
			next, before = max(stands.next, next), stands.before
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next, t.before, t.reserved, t.marked = next, before, mark.Reserved, mark.Next
	t.cursors = map[string]*cursor{}
	for id, c := range cursors {
		t.cursors[id] = newCursor(c)
	}
	if !t.fresh {
		if err := t.reincarnate(mark, stands); err != nil {
			return err
		}
	}
	t.first, t.firstByte = max(t.meta.Dropped, 1), t.meta.DroppedBytes
	if t.memory() {
		t.first, t.firstByte = t.next, t.before
	} else {
		t.use(t.meta.Segments[len(t.meta.Segments)-1])
	}
	t.producers = map[string]*producer{}
	t.readers = map[*Reader]bool{}
	t.ready = true
	return nil
}

// use makes stream the one that new batches go to. t.mu is held.
func (t *Topic) use(stream string) {
	t.here = segmentOf(t.name, stream)
	t.lane = t.store.lane(stream, t.kind())
	t.since, t.lastSeq = t.before, 0
}

// stored is what the newest batch on disk tells.
type stored struct {
	found   bool
	next    uint64
	before  uint64
	corrupt error
}

// ensureStream makes a stream that is not there: of a new Topic, or one whose
// files were lost.
func (t *Topic) ensureStream(ctx context.Context, seg segment) error {
	return t.store.bus.Ensure(ctx, bus.Stream{Name: seg.stream, Subjects: []string{seg.subjects()}, Kind: t.kind()})
}

// lastStored reads the newest batch.
func (t *Topic) lastStored(ctx context.Context, segments []string) (out stored, err error) {
	for i := len(segments) - 1; i >= 0; i-- {
		seg := segmentOf(t.name, segments[i])
		if err := t.ensureStream(ctx, seg); err != nil {
			return out, err
		}
		last, err := t.store.lastOf(ctx, seg.stream, seg.filter())
		if err != nil {
			return out, err
		}
		if out.corrupt == nil {
			out.corrupt = last.damaged
		}
		if b := last.batch; b != nil {
			out.found, out.next, out.before = true, b.Next(), b.Header().Before+uint64(len(b.Data()))
			b.Release()
			return out, nil
		}
	}
	return out, nil
}

// reincarnate begins a new incarnation where numbers that somebody may have
// seen are no longer stored. t.mu is held.
func (t *Topic) reincarnate(mark ledger.Mark, at stored) error {
	seen := mark.Next
	for _, c := range t.cursors {
		seen = max(seen, c.saved.Number)
	}
	if t.memory() { // nothing is kept, so it begins anew
		meta := t.meta
		meta.Runs = []ledger.Run{{Incarnation: t.store.incarnate(t.run().Incarnation), First: 1}}
		t.meta, t.next, t.before = meta, 1, 0
		for _, c := range t.cursors {
			c.saved = ledger.Cursor{Incarnation: t.run().Incarnation, Number: 1, Updated: c.saved.Updated, Expires: c.saved.Expires, Idle: c.saved.Idle}
		}
		return t.store.ledger.PutTopic(meta)
	}
	lost := t.next < seen
	// After a kill nobody knows which numbers were given since the last mark:
	// those of an async Topic are never given again.
	open := t.durability == waverider.DurabilityAsync && mark.Reserved > mark.Next
	if !lost && !open && at.corrupt == nil {
		return nil
	}
	first := max(mark.Reserved, seen, t.next)
	if first == t.next { // it was done at an earlier start, and nothing came since
		return nil
	}
	now := time.Now()
	meta := t.meta
	run := ledger.Run{Incarnation: t.store.incarnate(t.run().Incarnation), First: first, Unused: first - max(seen, t.next)}
	meta.Runs = append(append([]ledger.Run{}, meta.Runs...), run)
	d := ledger.Damage{At: now, Incarnation: t.run().Incarnation, From: t.next, To: max(seen, t.next), Cause: t.lossCause(at)}
	meta.Damage = appendDamage(meta.Damage, d)
	if lost || at.corrupt != nil {
		t.store.log.Error("records are missing at the end of a topic", "topic", t.name, "from", d.From, "to", d.To, "cause", d.Cause, "next", first)
	} else {
		t.store.log.Warn("records may be missing at the end of a topic", "topic", t.name, "from", d.From, "cause", d.Cause, "next", first)
	}
	if err := t.store.ledger.PutTopic(meta); err != nil {
		return err
	}
	t.meta, t.next = meta, first
	t.store.marks.touch(t)
	return nil
}

func (t *Topic) lossCause(at stored) string {
	switch {
	case at.corrupt != nil:
		return "the last batch is damaged: " + at.corrupt.Error()
	case t.durability == waverider.DurabilityAsync && t.store.ledger.Unclean():
		return "the Hub died: what it took in its last second may not have been on disk, and how much that was is not known (async)"
	default:
		return "the store lost its tail: a damaged file, or a disk that lost what it had confirmed"
	}
}

// maxDamage bounds what is remembered of one Topic.
const maxDamage = 32

func appendDamage(list []ledger.Damage, d ledger.Damage) []ledger.Damage {
	list = append(append([]ledger.Damage{}, list...), d)
	if len(list) > maxDamage {
		list = list[len(list)-maxDamage:]
	}
	return list
}

// inspect finds streams that are behind their mark and opens the Topics that
// live there now, so that the loss is noticed at start.
func (s *Store) inspect(ctx context.Context) error {
	marks, err := s.ledger.StreamMarks()
	if err != nil {
		return err
	}
	states, err := s.bus.Streams(ctx)
	if err != nil {
		return err
	}
	behind := map[string]bool{}
	for name, mark := range marks {
		behind[name] = mark.Last > 0
	}
	for _, st := range states {
		if mark, ok := marks[st.Name]; !ok || st.Last >= mark.Last {
			delete(behind, st.Name)
		} else {
			s.log.Error("a stream of the store ends before its mark", "stream", st.Name, "last", st.Last, "mark", mark.Last)
		}
	}
	for _, t := range s.topics {
		if t.ended != nil {
			continue
		}
		for _, stream := range t.meta.Segments {
			if behind[stream] {
				if err := t.ensureReady(ctx); err != nil {
					return err
				}
				break
			}
		}
	}
	return nil
}
