package records

import (
	"cmp"
	"context"
	"iter"
	"slices"
)

// Event is what a watch tells.
type Event[T any] struct {
	Change  Change
	Item[T] // Told has none, Deleted only the key
}

// Change is what an Event is about.
type Change int

const (
	Changed Change = iota // a value is there, or another one than before
	Deleted               // a value that was told of is gone
	Told                  // all that was there when the watch began has been told
)

// Watch tells what is there, the oldest first, then Told, then what changes, until
// ctx or the loop ends. Of a value that changes faster than it is asked for,
// only the newest is told; nothing else is left out. An error is about one
// value that cannot be read and has its key, or ErrClosed, which is the last.
func (c *Collection[T]) Watch(ctx context.Context) iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		w, err := c.store.watch(c.name)
		if err != nil {
			yield(Event[T]{}, err)
			return
		}
		defer c.store.unwatch(w)
		for {
			change, key, e, err := w.next(ctx)
			if err != nil {
				if ctx.Err() == nil {
					yield(Event[T]{}, err)
				}
				return
			}
			event := Event[T]{Change: change, Item: Item[T]{Key: key}}
			if change == Changed {
				event.Rev = Rev(e.rev)
				event.Value, err = c.decode(key, e)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// watch knows what one observer has been told. store.mu guards it.
type watch struct {
	store      *Store
	collection string
	known      map[string]uint64 // what it was told, with the rev
	due        map[string]bool   // keys to be told
	queue      []string          // the same in order, and some that are not due any more
	replay     int               // how many of queue were there when it began
	told       bool
	wake       chan struct{} // has room for one
}

func (s *Store) watch(collection string) (*watch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	w := &watch{store: s, collection: collection, known: map[string]uint64{}, due: map[string]bool{}, wake: make(chan struct{}, 1)}
	entries := s.table.collections[collection]
	for key, e := range entries {
		if e.value != nil {
			w.queue = append(w.queue, key)
			w.due[key] = true
		}
	}
	slices.SortFunc(w.queue, func(a, b string) int { return cmp.Compare(entries[a].rev, entries[b].rev) })
	w.replay = len(w.queue)
	if s.watches[collection] == nil {
		s.watches[collection] = map[*watch]bool{}
	}
	s.watches[collection][w] = true
	return w, nil
}

func (s *Store) unwatch(w *watch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watches[w.collection], w)
	if len(s.watches[w.collection]) == 0 {
		delete(s.watches, w.collection)
	}
}

// touch notes that a key has changed. What came and went untold is forgotten,
// so that no more is due than is there or was told.
func (w *watch) touch(key string, there bool) {
	_, known := w.known[key]
	switch {
	case !there && !known:
		delete(w.due, key)
		return
	case !w.due[key]:
		w.due[key] = true
		if w.queue = append(w.queue, key); len(w.queue) > 2*len(w.due)+64 {
			w.compact()
		}
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// compact drops from the queue what is not due, and all but one of each.
func (w *watch) compact() {
	seen := make(map[string]bool, len(w.due))
	kept, replay := w.queue[:0], 0
	for i, key := range w.queue {
		if !w.due[key] || seen[key] {
			continue
		}
		seen[key] = true
		kept = append(kept, key)
		if i < w.replay {
			replay++
		}
	}
	w.queue, w.replay = kept, replay
}

// next waits for what is to be told.
func (w *watch) next(ctx context.Context) (Change, string, entry, error) {
	for {
		change, key, e, ok := w.take()
		if ok {
			return change, key, e, nil
		}
		select {
		case <-w.wake:
		case <-ctx.Done():
			return 0, "", entry{}, context.Cause(ctx)
		case <-w.store.life.Done():
			return 0, "", entry{}, ErrClosed
		}
	}
}

func (w *watch) take() (change Change, key string, e entry, ok bool) {
	s := w.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		if !w.told && w.replay == 0 {
			w.told = true
			return Told, "", e, true
		}
		if len(w.queue) == 0 {
			return 0, "", e, false
		}
		key, w.queue = w.queue[0], w.queue[1:]
		w.replay = max(w.replay-1, 0)
		if !w.due[key] {
			continue
		}
		delete(w.due, key)
		e = s.table.get(address{w.collection, key})
		rev, known := w.known[key]
		switch {
		case e.value != nil && (!known || rev != e.rev):
			w.known[key] = e.rev
			return Changed, key, e, true
		case e.value == nil && known:
			delete(w.known, key)
			return Deleted, key, e, true
		}
	}
}
