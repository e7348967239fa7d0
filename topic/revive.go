package topic

import (
	"sync"
	"time"
)

// revival knows since when publications go wrong.
type revival struct {
	mu    sync.Mutex
	since time.Time // zero: all is well
}

// trouble is told of a publication that did not work for a reason of the
// engine or the disk.
func (s *Store) trouble(cause error) {
	if s.guard.check() != nil {
		return // it is known, and no restart helps
	}
	r := &s.revival
	r.mu.Lock()
	if r.since.IsZero() {
		r.since = time.Now()
	}
	since := r.since
	r.mu.Unlock()
	s.bus.Revive(s.life, since, cause)
}

// calm is told that publications work.
func (s *Store) calm() {
	s.revival.mu.Lock()
	s.revival.since = time.Time{}
	s.revival.mu.Unlock()
}
