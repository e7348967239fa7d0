package topic

import (
	"context"
	"sync"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/topic/ledger"
)

const (
	markEvery   = time.Second
	markReserve = 4 << 20 // numbers that may be used before the next mark
)

// marker writes down how far Topics have come: exactly each second, and before
// a number beyond the reserved range is used.
type marker struct {
	store   *Store
	writing sync.Mutex // one write at a time, so that marks never go back

	mu    sync.Mutex
	moved map[*Topic]bool
	armed bool
}

// touch notes that a Topic has come further. t.mu is held.
func (m *marker) touch(t *Topic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.moved == nil {
		m.moved = map[*Topic]bool{}
	}
	m.moved[t] = true
	if !m.armed {
		m.armed = true
		m.store.tasks.Go(m.later)
	}
}

// later writes the marks a moment from now.
func (m *marker) later() {
	select {
	case <-time.After(markEvery):
	case <-m.store.life.Done():
		return // Close does it
	}
	m.mu.Lock()
	m.armed = false
	moved := m.moved
	m.moved = nil
	m.mu.Unlock()
	if err := m.write(moved, markReserve); err != nil {
		m.store.log.Warn("marks not written; trying again", "err", err)
		m.again(moved)
	}
}

func (m *marker) again(moved map[*Topic]bool) {
	for t := range moved {
		t.mu.Lock()
		if t.ended == nil {
			m.touch(t)
		}
		t.mu.Unlock()
	}
}

// write puts the marks of the Topics on disk.
func (m *marker) write(topics map[*Topic]bool, reserve uint64) error {
	if len(topics) == 0 {
		return nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	now := time.Now()
	marks := make(map[waverider.TopicName]ledger.Mark, len(topics))
	streams := map[string]ledger.StreamMark{}
	bounds := make(map[*Topic]uint64, len(topics))
	for t := range topics {
		t.mu.Lock()
		if !t.meta.Deleting && t.ready && t.lane != nil {
			next, bound := t.next, t.next+reserve
			if t.quiet() {
				bound, t.reserved = next, next // before it is on disk: nothing may pass it meanwhile
			} else if t.kind() == bus.Async && reserve > 0 {
				m.touch(t) // once more, to see whether it is quiet then
			}
			t.marked = next
			bounds[t] = bound
			marks[t.name] = ledger.Mark{Next: next, Reserved: bound, At: now}
			if seq := t.lastSeq; seq > 0 {
				old := streams[t.here.stream]
				streams[t.here.stream] = ledger.StreamMark{Last: max(old.Last, seq), At: now}
			}
		}
		t.mu.Unlock()
	}
	if err := m.store.ledger.PutMarks(marks, streams); err != nil {
		return err
	}
	for t, bound := range bounds {
		t.mu.Lock()
		t.reserved = bound
		t.mu.Unlock()
	}
	return nil
}

// quiet tells whether an async Topic has stood still since its last mark: then
// the mark says exactly how far it came, and a kill leaves no doubt. t.mu is held.
func (t *Topic) quiet() bool {
	return t.kind() == bus.Async && !t.busy && t.next == t.marked
}

// reserve sees to it that the Topics may number what they have open. On an
// error they may not, and seal leaves them as they are.
func (m *marker) reserve(ctx context.Context, topics []*Topic) {
	wait := retryFirst
	for {
		var due map[*Topic]bool
		for _, t := range topics {
			t.mu.Lock()
			need := t.next
			for _, p := range t.queue {
				need += uint64(p.open.Count())
			}
			if need > t.reserved {
				if due == nil {
					due = map[*Topic]bool{}
				}
				due[t] = true
			}
			t.mu.Unlock()
		}
		err := m.write(due, markReserve)
		if err == nil {
			return
		}
		m.store.log.Warn("marks not written; records wait", "err", err)
		m.store.trouble(err)
		if pause(ctx, wait) != nil {
			return
		}
		wait = min(2*wait, retryMax)
	}
}

// flush writes what Close knows: exactly how far each Topic came, with nothing
// reserved beyond.
func (m *marker) flush() error {
	m.mu.Lock()
	m.moved, m.armed = nil, true
	m.mu.Unlock()
	all := map[*Topic]bool{}
	for _, t := range m.store.Topics() {
		t.mu.Lock()
		if t.ready && t.lane != nil && t.reserved > t.next {
			all[t] = true
		}
		t.mu.Unlock()
	}
	return m.write(all, 0)
}
