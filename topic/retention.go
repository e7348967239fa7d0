package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/topic/batch"
	"waverider/topic/ledger"
)

// maxBytes is the Topic's limit. t.mu is held.
func (t *Topic) maxBytes() uint64 {
	return uint64(t.meta.WithDefaults().MaxBytes)
}

// roomFor tells whether n more bytes stay within the limit. t.mu is held.
func (t *Topic) roomFor(n int) bool {
	if t.memory() {
		return true // the ring drops its oldest
	}
	used := t.used()
	return used == 0 || used+uint64(n) <= t.maxBytes() // what is larger than the limit has the Topic for itself
}

// full tells whether readers hold all the room there is, be it that none is left
// or that what is left is too little for somebody. t.mu is held.
func (t *Topic) full() bool {
	return t.waiting > 0 || !t.roomFor(1) && t.floor() <= t.first
}

// used is the bytes that are kept, with those on their way. t.mu is held.
func (t *Topic) used() uint64 {
	sum := t.before - t.firstByte + t.sealing
	for _, p := range t.queue {
		sum += uint64(p.open.Bytes())
	}
	return sum
}

// floor is the oldest number that some reader still needs. t.mu is held.
func (t *Topic) floor() uint64 {
	low := t.next
	if t.meta.Discard == waverider.DiscardOld {
		return low
	}
	for name, c := range t.cursors {
		if holding(name) {
			low = min(low, c.onDisk)
		}
	}
	return low
}

// holders names who keeps records from being dropped, with how many. t.mu is held.
func (t *Topic) holders() string {
	var list []string
	for name, c := range t.cursors {
		if holding(name) && c.onDisk < t.next {
			list = append(list, fmt.Sprintf("%s has not acked %d records", name, t.count(c.onDisk, t.next)))
		}
	}
	if len(list) == 0 {
		return "its records are on their way to the disk"
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// makeRoom drops the oldest records nobody needs until n more bytes fit, and a
// tenth of the limit more, so that it is done rarely.
func (t *Topic) makeRoom(ctx context.Context, n uint64) error {
	t.dropping.Lock() // what another has dropped meanwhile need not be dropped again
	defer t.dropping.Unlock()
	t.mu.Lock()
	limit, used := t.maxBytes(), t.used()
	oldest, floor := t.firstByte, t.floor()
	t.mu.Unlock()
	slack := limit / 10
	if used+n+slack <= limit {
		return nil
	}
	goal := used + n + slack - limit // bytes to drop
	return t.drop(ctx, floor, func(h batch.Header) bool { return h.Before < oldest+goal }, func(*batch.Batch) bool { return true })
}

// expire drops records older than the Topic's age.
func (t *Topic) expire(ctx context.Context, now time.Time) error {
	t.dropping.Lock()
	defer t.dropping.Unlock()
	t.mu.Lock()
	age, floor, empty := t.meta.MaxAge, t.floor(), t.next == t.first
	t.mu.Unlock()
	if age <= 0 || empty {
		return nil
	}
	limit := now.Add(-time.Duration(age)).UnixMilli()
	return t.drop(ctx, floor, func(h batch.Header) bool { return h.Time < limit }, func(b *batch.Batch) bool { return b.NumberAtTime(limit) == b.Next() })
}

// drop removes the batches before the last one that old holds for, and that one
// too if whole holds for it, as far as all their records are below floor.
// t.dropping is held: two at once would cut the segments twice.
func (t *Topic) drop(ctx context.Context, floor uint64, old func(batch.Header) bool, whole func(*batch.Batch) bool) error {
	if t.memory() {
		return nil
	}
	t.mu.Lock()
	first := t.first
	t.mu.Unlock()
	goes := func(h batch.Header) bool { return h.First <= floor && old(h) }
	where, err := t.seek(ctx, goes)
	if err != nil {
		return err
	}
	t.mu.Lock()
	segments := t.meta.Segments
	t.mu.Unlock()
	at := max(slices.Index(segments, where.stream), 0)
	seg := segmentOf(t.name, segments[at])
	b, seq, err := t.batchFrom(ctx, seg, where.seq)
	if errors.Is(err, bus.ErrNotFound) {
		return nil // nothing is stored yet
	} else if err != nil {
		return err
	}
	h := b.Header()
	oldest, oldestByte := h.First, h.Before
	if goes(h) && b.Next() <= floor && whole(b) {
		oldest, oldestByte, seq = b.Next(), h.Before+uint64(len(b.Data())), seq+1
	}
	b.Release()
	if oldest <= first {
		return nil
	}
	gone, err := t.lastWords(ctx, segments[:at], seg, seq)
	if err != nil {
		return err
	}
	// First it is written down, then done: a reader of the time between is told.
	err = t.put(func(meta *ledger.Topic) error {
		meta.Producers = withPlaces(meta.Producers, gone)
		meta.Dropped, meta.DroppedBytes = oldest, oldestByte
		meta.Segments = slices.Clone(meta.Segments[at:])
		return nil
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.first, t.firstByte = oldest, oldestByte
	t.roomier.fire()
	t.mu.Unlock()
	ctx = t.store.life // what is written down is done, whoever asked
	for _, stream := range segments[:at] {
		if err := t.store.leave(ctx, t.name, stream); err != nil {
			return err
		}
	}
	if err := t.store.bus.Purge(ctx, seg.stream, seg.filter(), seq); err != nil {
		return err
	}
	t.mu.Lock()
	for _, p := range t.producers {
		if t.here == seg && p.after < seq {
			p.after = 0 // its last message is gone
		}
	}
	t.mu.Unlock()
	return nil
}

// leave removes all a Topic has in a stream it does not use any more.
func (s *Store) leave(ctx context.Context, name waverider.TopicName, stream string) error {
	if stream == streamSync || stream == streamAsync {
		return s.bus.Purge(ctx, stream, segmentOf(name, stream).filter(), 0)
	}
	if err := s.bus.Delete(ctx, stream); err != nil {
		return err
	}
	return s.ledger.DeleteStreamMark(stream)
}
