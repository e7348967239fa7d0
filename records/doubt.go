package records

import "time"

// The engine may store a message long after nobody waits for that any more,
// when the disk hangs. So a key is looked at for a while after a write to it
// was given up.
const (
	doubtFor   = 30 * time.Second
	doubtEvery = 250 * time.Millisecond
	maxDoubts  = 1000
)

// doubt is told of a write whose fate is not known. It is called by a write.
func (s *Store) doubt(at address) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.doubts[at] = time.Now().Add(doubtFor)
	if !s.settling {
		s.settling = true
		s.tasks.Go(s.settle)
	}
}

// settle looks at what is in doubt until nothing is.
func (s *Store) settle() {
	for pause(s.life, doubtEvery) == nil {
		s.mu.Lock()
		due := make(map[address]uint64, len(s.doubts))
		for at := range s.doubts {
			due[at] = s.table.get(at).rev
		}
		s.mu.Unlock()
		for at, rev := range due {
			began := time.Now()
			if _, err := s.refresh(s.life, at, rev, nil); err != nil {
				break // the engine does not answer
			}
			s.mu.Lock()
			if s.doubts[at].Before(began) {
				delete(s.doubts, at)
			}
			s.mu.Unlock()
		}
		s.mu.Lock()
		s.settling = len(s.doubts) > 0
		done := !s.settling
		s.mu.Unlock()
		if done {
			return
		}
	}
}
