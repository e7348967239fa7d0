package topic

import (
	"waverider"
	"waverider/topic/ledger"
)

// put changes what the ledger has of the Topic: one change after the other, on
// disk first and then in memory, so that no change undoes another. A Topic that
// is being deleted changes no more.
func (t *Topic) put(change func(*ledger.Topic) error) error {
	t.putting.Lock()
	defer t.putting.Unlock()
	t.mu.Lock()
	meta := t.meta
	t.mu.Unlock()
	if meta.Deleting {
		return deleted(t.name)
	}
	was := meta.Scope
	if err := change(&meta); err != nil { // it replaces slices, it does not write into them
		return err
	}
	if was != waverider.ScopeSpace && meta.Scope == waverider.ScopeSpace {
		if reader := t.store.held(meta.TopicConfig); reader != "" {
			return t.putRead(meta, reader)
		}
	}
	if err := t.store.ledger.PutTopic(meta); err != nil {
		return err
	}
	t.mu.Lock()
	t.meta = meta
	t.mu.Unlock()
	return nil
}

// putRead is the end of put that makes the Topic hold its records for a reader.
// The Topic is ready.
func (t *Topic) putRead(meta ledger.Topic, reader string) error {
	k := &t.store.cursors
	k.writing.Lock() // as in remember
	defer k.writing.Unlock()
	t.mu.Lock()
	c := t.cursors[reader]
	added := c == nil
	if added { // it holds from now on: nothing is dropped that is on disk for it
		c = newCursor(ledger.Cursor{Incarnation: t.incarnation(t.first), Number: t.first, Updated: t.store.now()})
		t.cursors[reader] = c
	}
	saved := c.saved
	t.mu.Unlock()
	err := t.store.ledger.PutTopicRead(meta, reader, saved)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.meta = meta
	} else if added && c.readers == 0 {
		delete(t.cursors, reader)
		t.roomier.fire()
	}
	return err
}
