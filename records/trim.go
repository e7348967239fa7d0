package records

// trimFrom is how many bytes of messages that others have taken the place of
// the stream may have beside as many as there are of values. Then it is rid of
// all of them.
const trimFrom = 4 << 20

// messageSize is about what a message takes beside its value.
const messageSize = 200

// The stream must not drop them by a limit of its own: it keeps no note of
// that, and when the newest message of a key is then removed, a deletion for
// instance, the one before is back after a kill.

// startTrim has old messages dropped when there are enough. s.mu is held.
func (s *Store) startTrim() {
	if t := &s.table; !s.trimming && !s.closed && len(t.stale) > 0 && t.old > s.limits.old+t.bytes {
		s.trimming = true
		s.tasks.Go(s.trim)
	}
}

// trim drops what is stale now.
func (s *Store) trim() {
	s.mu.Lock()
	due := s.table.stale
	s.table.stale, s.table.old = map[address]bool{}, 0
	s.mu.Unlock()
	for at := range due {
		for s.trimOne(at) != nil {
			if pause(s.life, retryMax) != nil {
				return
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trimming = false
	s.startTrim()
}

func (s *Store) trimOne(at address) error {
	s.mu.Lock()
	e := s.table.get(at)
	s.mu.Unlock()
	before := e.rev
	if e.value == nil {
		before++ // the deletion too
	}
	if e.rev == 0 {
		return nil
	}
	if err := s.bus.Purge(s.life, stream, at.subject(), before); err != nil {
		s.log.Warn("old values not dropped yet", "collection", at.collection, "key", at.key, "err", err)
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.value == nil && s.table.get(at).rev == e.rev {
		s.table.set(at, entry{})
	}
	return nil
}
