package records

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"waverider"
	"waverider/bus"
)

const (
	maxWrites  = 64 // on their way at a time
	patience   = 10 * time.Second
	retryFirst = 20 * time.Millisecond
	retryMax   = time.Second
)

// write stores a value at an address, or with nil that it is gone. may looks at
// what stands there and says whether that is to be changed; it is asked again
// when somebody else was first.
func (s *Store) write(ctx context.Context, at address, value []byte, may func(entry) error) (rev uint64, err error) {
	if err := at.validate(); err != nil {
		return 0, err
	}
	if len(value) > MaxValue {
		return 0, waverider.Errorf(waverider.TooLarge, "the value of %q in %s has %d bytes; at most %d are kept", at.key, at.collection, len(value), MaxValue)
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	end, err := s.begin()
	if err != nil {
		return 0, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	select {
	case s.writes <- struct{}{}:
		defer func() { <-s.writes }()
	case <-ctx.Done():
		return 0, s.busy(ctx)
	}
	w := &write{store: s, at: at, value: value, id: rand.Text()}
	if w.data, err = json.Marshal(envelope{Write: w.id, Deleted: value == nil, Value: value}); err != nil {
		return 0, fmt.Errorf("write to %s: %w", at.collection, err)
	}
	return w.run(ctx, may)
}

func (s *Store) busy(ctx context.Context) error {
	switch {
	case s.life.Err() != nil:
		return ErrClosed
	case errors.Is(ctx.Err(), context.Canceled):
		return context.Cause(ctx)
	}
	return waverider.Errorf(waverider.Unavailable, "the disk is slow and many changes wait; try again")
}

// write is one change on its way.
type write struct {
	store *Store
	at    address
	value []byte
	id    string
	data  []byte
	open  bool // it was sent, and what became of that is not known
}

// run returns when the change is on disk or will not be made. After an error
// that leaves this open, somebody looks later.
func (w *write) run(ctx context.Context, may func(entry) error) (uint64, error) {
	s, wait := w.store, retryFirst
	for {
		e, err := s.before(w)
		if w.open && e.write == w.id {
			return e.rev, nil
		}
		if err == nil {
			err = may(e)
		}
		if err != nil {
			return 0, err
		}
		rev, err := s.bus.Publish(ctx, stream, bus.Msg{Subject: w.at.subject(), Data: w.data, After: e.rev})
		if err == nil {
			s.stored(w, rev)
			return rev, nil
		}
		switch {
		case errors.Is(err, bus.ErrWrongSequence):
			if changed, failed := s.refresh(ctx, w.at, e.rev, err); failed == nil && changed {
				continue
			}
		case errors.Is(err, bus.ErrFull), errors.Is(err, bus.ErrUnavailable):
			w.open = true
			if revived := s.revive(err); !revived && errors.Is(err, bus.ErrFull) {
				return 0, w.give(err)
			}
			_, _ = s.refresh(ctx, w.at, e.rev, err) // if it cannot be told, Publish finds out
		default:
			w.open = true
			return 0, w.give(err)
		}
		if pause(ctx, wait) != nil {
			return 0, w.give(err)
		}
		wait = min(2*wait, retryMax)
	}
}

// give is the end of a write that nobody goes on with.
func (w *write) give(cause error) error {
	if w.open {
		w.store.doubt(w.at)
	}
	return w.store.failed(w.at, cause)
}

// before answers what stands there, or why nothing more may be stored.
func (s *Store) before(w *write) (entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.table.get(w.at)
	switch {
	case len(s.doubts) >= maxDoubts:
		return e, waverider.Errorf(waverider.Unavailable, "too many changes are not confirmed by the disk; try again when it works")
	case w.value == nil, len(w.value) <= len(e.value):
	case e.value == nil && s.table.keys >= s.limits.keys:
		return e, waverider.Errorf(waverider.Full, "%d values are kept and no more can be; remove some", s.table.keys)
	case s.table.bytes+len(w.value)-len(e.value) > s.limits.bytes:
		return e, waverider.Errorf(waverider.Full, "the values take %d MiB and may not take more; remove some", s.table.bytes>>20)
	}
	return e, nil
}

// stored takes in what is on disk.
func (s *Store) stored(w *write, rev uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since = time.Time{}
	if s.table.get(w.at).rev < rev {
		s.put(w.at, entry{rev: rev, write: w.id, value: w.value})
	}
}

// put changes the table and tells those who watch. s.mu is held.
func (s *Store) put(at address, e entry) {
	s.table.set(at, e)
	s.startTrim()
	for w := range s.watches[at.collection] {
		w.touch(at.key, e.value != nil)
	}
}

// revive has the engine started anew when it has not worked for a while.
func (s *Store) revive(cause error) bool {
	s.mu.Lock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
	since := s.since
	s.mu.Unlock()
	return s.bus.Revive(s.life, since, cause)
}

// refresh asks the engine what stands at an address, after it was found not to
// end with believed, or a write of unknown fate. What was written meanwhile stays.
func (s *Store) refresh(ctx context.Context, at address, believed uint64, cause error) (changed bool, err error) {
	last, err := s.bus.LastOf(ctx, stream, at.subject())
	e := entry{}
	var wrong *bus.WrongSequence
	switch {
	case err == nil:
		e = s.entryOf(at, last)
	case !errors.Is(err, bus.ErrNotFound):
		return false, err
	case errors.As(cause, &wrong): // damaged: only the engine knows of it, or a deletion that is purged
		e.rev = wrong.Last
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.table.get(at)
	if before.rev != believed || e.rev == believed {
		return before.rev != believed, nil
	}
	if before.value != nil && e.rev < believed {
		s.log.Error("the newest value was lost", "collection", at.collection, "key", at.key, "was", believed, "is", e.rev)
	}
	s.put(at, e)
	return true, nil
}

// pause waits so long, or fails with ctx.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
