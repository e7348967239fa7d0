package topic

import (
	"context"

	"waverider/topic/batch"
)

// What a Reader has for those who send records on.

// Part is its records from one on, in the form in which they can be handed on:
// as many as have at most so many bytes, at least one. It is valid as long as
// the Message.
func (m *Message) Part(from uint64, most int) batch.Part {
	return m.b.Part(max(from, m.From), m.To, most)
}

// GoTo makes a record the next one. It does not move the cursor of a durable
// reader.
func (r *Reader) GoTo(number uint64) {
	t := r.t
	t.mu.Lock()
	defer t.mu.Unlock()
	r.at, r.missed = min(max(number, 1), t.next), 0
	r.sought, r.fetched = false, nil
}

// Poll is Next that does not wait for records to come: it answers nil when there
// are none now.
func (r *Reader) Poll(ctx context.Context) (*Message, error) {
	for {
		m, grew, err := r.poll()
		if m != nil || err != nil || grew != nil {
			return m, err
		}
		if m, err = r.steady(ctx); m != nil || err != nil {
			return m, err
		}
	}
}

// Rest waits until there is something to read, as one who expects that to take
// long: nothing is kept in memory for it meanwhile, and the first records are
// read from the disk. It fails as Next does.
func (r *Reader) Rest(ctx context.Context) error {
	t := r.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.at < t.next || t.ended != nil {
		return t.ended
	}
	grew := t.grew.wait()
	if !t.memory() {
		t.quit(r)
		defer t.join(r)
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	select {
	case <-grew:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
