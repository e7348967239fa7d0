package topic

import (
	"slices"

	"waverider/topic/ledger"
)

// promoteAfter is how many bytes a Topic may store in a shared stream before
// it gets one of its own, whose blocks come free by themselves.
const promoteAfter = 4 << 20

// promotable tells whether the Topic has outgrown the shared stream. t.mu is held.
func (t *Topic) promotable() bool {
	return t.lane != nil && (t.here.stream == streamSync || t.here.stream == streamAsync) &&
		t.before-t.since > promoteAfter && t.ended == nil
}

// promote moves the Topic to a stream of its own: from here on, new batches go
// there; readers go through both. The Topic is busy.
func (t *Topic) promote() {
	s := t.store
	stream := ownStream(t.name, s.incarnate(0))
	seg := segmentOf(t.name, stream)
	err := t.ensureStream(s.life, seg)
	if err == nil {
		err = t.put(func(meta *ledger.Topic) error {
			meta.Segments = append(slices.Clone(meta.Segments), stream)
			return nil
		})
		if err != nil && s.life.Err() == nil {
			_ = s.bus.Delete(s.life, stream) // nobody knows of it
		}
	}
	t.mu.Lock()
	if err != nil {
		s.log.Warn("topic stays in the shared stream", "topic", t.name, "err", err)
		t.since = t.before // try again after as much
	} else {
		t.use(stream)
		for _, p := range t.producers {
			p.after = 0
		}
	}
	t.mu.Unlock()
	t.again()
}
