package topic

import "waverider/topic/ledger"

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
	if err := change(&meta); err != nil { // it replaces slices, it does not write into them
		return err
	}
	if err := t.store.ledger.PutTopic(meta); err != nil {
		return err
	}
	t.mu.Lock()
	t.meta = meta
	t.mu.Unlock()
	return nil
}
