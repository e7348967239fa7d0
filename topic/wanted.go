package topic

import (
	"time"

	"waverider"
	"waverider/topic/ledger"
)

// Changes is closed when a Topic has come or gone, or its scope, its description or
// its owner has changed. Take it before looking at the Topics: then no change is
// missed.
func (s *Store) Changes() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed.wait()
}

// tell wakes those who wait for Changes.
func (s *Store) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.fire()
}

// Wanted lists the Topics that are read, by name: by somebody who is connected,
// by a group or a slot that is remembered, or by a reader without a name that
// was there within recent. Who stands for another Store is no reader here.
func (s *Store) Wanted(recent time.Duration) ([]waverider.TopicName, error) {
	var list []waverider.TopicName
	now := s.now()
	for _, t := range s.Topics() {
		wanted, known := t.wanted(now, recent)
		if !known { // nobody has used it since the Store was opened
			saved, err := s.ledger.Cursors(t.name)
			if err != nil {
				return nil, err
			}
			for name, c := range saved {
				wanted = wanted || wants(name, c, c.Idle, now, recent)
			}
		}
		if wanted {
			list = append(list, t.name)
		}
	}
	return list, nil
}

// wanted tells whether the Topic is read, as far as it is known before the Topic
// is ready.
func (t *Topic) wanted(now time.Time, recent time.Duration) (wanted, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return false, true
	}
	for r := range t.readers {
		wanted = wanted || r.cursor == nil
	}
	for name, c := range t.cursors {
		wanted = wanted || c.readers > 0 && !far(name) || wants(name, c.saved, c.idle(time.Now()), now, recent)
	}
	return wanted, t.ready
}

// wants tells whether a remembered reader that is away may come back for more.
func wants(name string, c ledger.Cursor, idle time.Duration, now time.Time, recent time.Duration) bool {
	switch {
	case far(name):
		return false
	case name == readerPlain:
		return now.Sub(c.Updated) < recent
	}
	return c.Expires == 0 || idle <= c.Expires
}
