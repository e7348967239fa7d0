package topic

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"waverider"
	"waverider/topic/ledger"
)

// Life is a stretch of record numbers that one process gave.
type Life = ledger.Life

// Lives tells of those who go on in a Topic after the process or the machine
// died who gave which numbers. A Store that was put back from a copy, or whose
// disk lost what it had confirmed, gives numbers once more; another Store that
// has records of before knows them by the epoch of their life, and by the lives
// it is found out which of them this one still has. Oldest first, at least one;
// the last is the current. The caller does not change the list.
//
// Only Topics that have a far reader keep lives: nobody else sees their numbers
// twice.
func (t *Topic) Lives(ctx context.Context) ([]Life, error) {
	if err := t.ensureReady(ctx); err != nil {
		return nil, err
	}
	if err := t.live(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return lives(t.meta), nil
}

// EpochAt is the life that a record belongs to, or will.
func (t *Topic) EpochAt(number uint64) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	list := t.meta.Lives
	for i := len(list) - 1; i > 0; i-- {
		if number >= list[i].First {
			return list[i].Epoch
		}
	}
	return lives(t.meta)[0].Epoch
}

// Renew begins another life, where another Store is ahead of this very process:
// it was put back while it ran.
func (t *Topic) Renew(ctx context.Context) error {
	if t.memory() {
		return waverider.Errorf(waverider.Unprocessable, "Topic %s is kept in memory only and has one life", t.name)
	}
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	t.living.Lock()
	defer t.living.Unlock()
	return t.beginLife(ctx)
}

// lives are those of a Topic. Before it has a far reader it is in its first.
func lives(meta ledger.Topic) []Life {
	if len(meta.Lives) > 0 {
		return meta.Lives
	}
	first := meta.Runs[0].Incarnation
	return []Life{{Epoch: first, Since: first, First: 1}}
}

// live begins the life of this process before it gives a number, once.
func (t *Topic) live(ctx context.Context) error {
	t.mu.Lock()
	due := !t.alive && !t.memory() && t.hasFar()
	t.mu.Unlock()
	if !due {
		return nil
	}
	t.living.Lock()
	defer t.living.Unlock()
	t.mu.Lock()
	due = !t.alive
	t.mu.Unlock()
	if !due {
		return nil
	}
	return t.beginLife(ctx)
}

// hasFar tells whether there is a far reader. t.mu is held.
func (t *Topic) hasFar() bool {
	for name := range t.cursors {
		if far(name) {
			return true
		}
	}
	return false
}

// beginLife writes down that numbers from here on are of a life of its own. No
// number is given meanwhile. t.living is held.
func (t *Topic) beginLife(ctx context.Context) error {
	if err := t.hold(ctx); err != nil {
		return err
	}
	defer t.again()
	t.mu.Lock()
	next, read := t.next, t.next
	for name, c := range t.cursors {
		if far(name) {
			read = min(read, c.saved.Number)
		}
	}
	t.mu.Unlock()
	var begun Life
	err := t.put(func(meta *ledger.Topic) error {
		list := lives(*meta)
		epoch := epochAbove(list[len(list)-1].Epoch, t.store.now())
		begun = Life{Epoch: epoch, Since: epoch, First: next}
		meta.Lives = extend(list, begun, read)
		return nil
	})
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.alive = true
	t.mu.Unlock()
	return nil
}

// epochAbove draws an epoch by lot: a copy of the Store must not come to the same
// one, also not where clocks are wrong.
func epochAbove(above uint32, now time.Time) uint32 {
	const lots = 1 << 14 // there is room for a hundred thousand
	return max(above, stamp(now)) + 1 + rand.Uint32N(lots)
}

// Lives that nobody is behind are told as one when there are so many; all are
// when there are a great many.
const (
	manyLives = 16
	maxLives  = 256
)

// extend adds a life. One that gave no number is replaced by it; those before
// read may become one.
func extend(list []Life, begun Life, read uint64) []Life {
	list = slices.Clone(list)
	if last := len(list) - 1; last > 0 && list[last].First == begun.First {
		list = list[:last]
	}
	list = append(list, begun)
	for len(list) > manyLives && (list[2].First <= read || len(list) > maxLives) {
		list[1].Since, list[1].First = list[0].Since, list[0].First
		list = list[1:]
	}
	return list
}
