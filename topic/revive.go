package topic

import (
	"sync"
	"time"
)

// reviveAfter is how long publications may go wrong, with room on the disk,
// before the engine is started anew: a stream that met a full disk takes
// nothing until then.
const reviveAfter = time.Second

// revival decides when the engine is started anew.
type revival struct {
	mu    sync.Mutex
	since time.Time // of trouble; zero: none
	tried time.Time
	busy  bool
}

// trouble is told of a publication that did not work for a reason of the
// engine or the disk.
func (s *Store) trouble(cause error) {
	if s.guard.check() != nil {
		return // it is known, and no restart helps
	}
	r := &s.revival
	now := time.Now()
	r.mu.Lock()
	if r.since.IsZero() {
		r.since = now
	}
	due := !r.busy && now.Sub(r.since) >= reviveAfter && now.Sub(r.tried) >= 5*reviveAfter && s.life.Err() == nil
	if due {
		r.busy, r.tried = true, now
	}
	r.mu.Unlock()
	if !due {
		return
	}
	s.log.Warn("the store does not take records; starting its engine anew", "err", cause)
	err := s.bus.Restart(s.life)
	if err != nil {
		s.log.Error("engine not started anew", "err", err)
	}
	r.mu.Lock()
	r.busy = false
	r.mu.Unlock()
}

// calm is told that publications work.
func (s *Store) calm() {
	s.revival.mu.Lock()
	s.revival.since = time.Time{}
	s.revival.mu.Unlock()
}
