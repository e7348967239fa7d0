package topic

import (
	"context"
	"slices"
	"time"

	"waverider/bus"
	"waverider/topic/batch"
)

// seal closes the open batches of up to n producers and numbers their records.
func (t *Topic) seal(n int) (work []*sealed, size int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next, before := t.next, t.before
	for len(t.queue) > 0 && len(work) < n {
		p := t.queue[0]
		if t.lane != nil && next+uint64(p.open.Count()) > t.reserved {
			why := t.unmarkable()
			if why == nil {
				break // the lane sees to a mark and comes again
			}
			t.giveUp(p, why)
			continue
		}
		t.queue = t.queue[1:]
		p.queued = false
		count, bytes := uint64(p.open.Count()), uint64(p.open.Bytes())
		seal := p.open.Seal
		if t.memory() {
			seal = p.open.SealUnstored
		}
		b := seal(batch.Header{Origin: t.store.origin, Incarnation: t.run().Incarnation, First: next, Before: before,
			Epoch: p.tag.Epoch, End: p.tag.End, Cause: p.tag.Cause})
		p.open = nil
		w := &sealed{topic: t, from: p, batch: b, count: count, last: p.tag}
		if t.lane != nil {
			w.in = t.here
			w.msg = bus.Msg{Subject: t.here.subject(t.store.token, p.id), Data: b.Encoded(), After: p.after}
		}
		work = append(work, w)
		next += count
		before += bytes
		size += int(bytes)
	}
	if len(t.queue) == 0 {
		t.queue = nil
	}
	t.sealing = before - t.before
	t.moved.fire() // there is room in new batches
	return work, size
}

// unmarkable is why no mark of the Topic will be written any more. t.mu is held.
func (t *Topic) unmarkable() error {
	switch {
	case t.meta.Deleting:
		return deleted(t.name)
	case t.store.life.Err() != nil:
		return ErrClosed
	}
	return nil
}

// giveUp drops what the first producer of the queue has open. t.mu is held.
func (t *Topic) giveUp(p *producer, why error) {
	t.queue = t.queue[1:]
	p.queued, p.failed = false, why
	p.stored += uint64(p.open.Count())
	p.open = nil
}

// complete takes in what became of batches that seal gave out.
func (t *Topic) complete(work []*sealed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	for _, w := range work {
		p := w.from
		p.stored += w.count
		if w.err != nil {
			p.failed = w.err
			w.batch.Release()
			continue
		}
		if h := w.batch.Header(); h.First != t.next {
			// One before it failed: what is stored has the number it has, the
			// numbers between are not used.
			t.store.log.Error("a gap in the numbers of a topic", "topic", t.name, "from", t.next, "to", h.First)
		}
		p.after, p.last, t.lastSeq = w.seq, w.last, max(t.lastSeq, w.seq)
		t.next = w.batch.Next()
		size := len(w.batch.Data())
		t.before = w.batch.Header().Before + uint64(size)
		t.rate.add(now, w.count, uint64(size))
		t.tail.push(t, w.batch, p.id, w.seq, w.in)
	}
	t.sealing = 0
	if t.lane != nil {
		t.store.marks.touch(t)
	}
	t.grew.fire()
	t.moved.fire()
}

// again gives the Topic back to a lane when more has come meanwhile.
func (t *Topic) again() {
	t.mu.Lock()
	if t.promotable() {
		t.mu.Unlock()
		t.store.tasks.Go(t.promote)
		return
	}
	if len(t.holds) > 0 {
		close(t.holds[0])
		t.holds = t.holds[1:]
		t.mu.Unlock()
		return
	}
	l, more := t.lane, t.more()
	t.mu.Unlock()
	if more {
		l.add(t)
	}
}

// more tells whether there is something to store; if not the Topic is not busy
// any more. t.mu is held.
func (t *Topic) more() bool {
	if len(t.queue) > 0 {
		return true
	}
	t.busy = false
	t.moved.fire()
	return false
}

// hold takes the Topic from its lane, so that no number is given until again is
// called. What is added meanwhile waits.
func (t *Topic) hold(ctx context.Context) error {
	t.mu.Lock()
	if t.ended != nil {
		defer t.mu.Unlock()
		return t.ended
	}
	if !t.busy {
		t.busy = true
		t.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	t.holds = append(t.holds, turn)
	t.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	i := slices.Index(t.holds, turn)
	if i >= 0 {
		t.holds = slices.Delete(t.holds, i, i+1)
	}
	t.mu.Unlock()
	if i < 0 { // it came meanwhile
		t.again()
	}
	return ctx.Err()
}
