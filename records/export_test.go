package records

// SetLimits makes the Store a small one.
func (s *Store) SetLimits(keys, bytes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.keys, s.limits.bytes = keys, bytes
}

// TrimFrom sets how much of what others have taken the place of may stay.
func (s *Store) TrimFrom(old int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.limits.old = old
	s.startTrim()
}

// Queued is how much the watches of the Store hold for those who are slow.
func (s *Store) Queued() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, watches := range s.watches {
		for w := range watches {
			n += len(w.queue) + len(w.due)
		}
	}
	return n
}

// Subject is where a key is stored.
func Subject(collection, key string) string { return address{collection, key}.subject() }

// AddressOf is the opposite of Subject.
func AddressOf(subject string) (collection, key string, ok bool) {
	a, ok := addressOf(subject)
	return a.collection, a.key, ok
}
