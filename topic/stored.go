package topic

import (
	"context"
	"errors"
	"io"
)

// Knows tells whether an incarnation is one of this Topic, and not of another
// or of one that was deleted.
func (t *Topic) Knows(incarnation uint32) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, run := range t.meta.Runs {
		if run.Incarnation == incarnation {
			return true
		}
	}
	return false
}

// Next is the number of the record to come.
func (t *Topic) Next() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}

// Stored is how many of the records with numbers from one up to and without
// another are still there. It reads them where some may be missing.
func (t *Topic) Stored(ctx context.Context, from, to uint64) (uint64, error) {
	if err := t.ensureReady(ctx); err != nil {
		return 0, err
	}
	t.mu.Lock()
	from, to = max(from, t.first), min(to, t.next)
	whole := from >= to || t.incarnation(from) == t.incarnation(to-1) && len(t.meta.Damage) == 0
	t.mu.Unlock()
	if from >= to {
		return 0, nil
	} else if whole {
		return to - from, nil
	}
	r, err := t.Reader(ctx, From{})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	r.at, r.until = from, to
	var n uint64
	for {
		m, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return 0, err
		}
		n += m.Count()
		m.Release()
	}
}
