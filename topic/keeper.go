package topic

import (
	"errors"
	"sync"
	"time"

	"waverider/topic/ledger"
)

const cursorsEvery = 250 * time.Millisecond

// cursorKeeper puts cursors that moved on disk, many in one write.
type cursorKeeper struct {
	store   *Store
	writing sync.Mutex // one write at a time, so that cursors never go back

	mu    sync.Mutex
	moved map[cursorKey]bool
	armed bool
}

type cursorKey struct {
	topic *Topic
	name  string
}

// touch notes a cursor that moved. t.mu is held.
func (k *cursorKeeper) touch(t *Topic, name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.moved == nil {
		k.moved = map[cursorKey]bool{}
	}
	k.moved[cursorKey{t, name}] = true
	if !k.armed {
		k.armed = true
		k.store.tasks.Go(k.later)
	}
}

func (k *cursorKeeper) later() {
	select {
	case <-time.After(cursorsEvery):
	case <-k.store.life.Done():
		return // Close does it
	}
	k.mu.Lock()
	k.armed = false
	k.mu.Unlock()
	if err := k.flush(); err != nil && !errors.Is(err, ErrClosed) {
		k.store.log.Warn("cursors not written; trying again", "err", err)
	}
}

func (k *cursorKeeper) drop(t *Topic, name string) {
	k.mu.Lock()
	delete(k.moved, cursorKey{t, name})
	k.mu.Unlock()
}

// forget drops all of a Topic.
func (k *cursorKeeper) forget(t *Topic) {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	for key := range k.moved {
		if key.topic == t {
			delete(k.moved, key)
		}
	}
	k.mu.Unlock()
	t.mu.Lock()
	t.cursors, t.groups = map[string]*cursor{}, nil
	t.mu.Unlock()
}

// flush writes all that moved.
func (k *cursorKeeper) flush() error {
	k.writing.Lock()
	defer k.writing.Unlock()
	k.mu.Lock()
	moved := k.moved
	k.moved = nil
	k.mu.Unlock()
	if len(moved) == 0 {
		return nil
	}
	write := make(map[ledger.Key]ledger.Cursor, len(moved))
	for key := range moved {
		key.topic.mu.Lock()
		if c := key.topic.cursors[key.name]; c != nil {
			saved := c.saved
			if g := key.topic.groups[key.name]; g != nil {
				saved.State = g.state(saved.Number)
			}
			saved.DropState = saved.State == nil && c.kept
			write[ledger.Key{Topic: key.topic.name, Reader: key.name}] = saved
		}
		key.topic.mu.Unlock()
	}
	err := k.store.ledger.PutCursors(write)
	for key := range moved {
		t := key.topic
		t.mu.Lock()
		if c := t.cursors[key.name]; c != nil {
			if err != nil && t.ended == nil {
				k.touch(t, key.name)
			} else if w := write[ledger.Key{Topic: t.name, Reader: key.name}]; err == nil {
				c.onDisk = max(c.onDisk, w.Number)
				c.kept = w.State != nil || c.kept && !w.DropState
			}
		}
		t.roomier.fire()
		t.mu.Unlock()
	}
	return err
}
