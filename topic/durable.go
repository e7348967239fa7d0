package topic

import (
	"context"
	"strings"
	"time"

	"waverider"
	"waverider/topic/ledger"
)

// cursor is how far a reader that is remembered has come. Topic.mu guards it.
type cursor struct {
	saved   ledger.Cursor // as it will be on disk next
	onDisk  uint64        // its Number on disk: retention goes by that
	readers int
	kept    bool      // the ledger has a state of the group beside it
	counted time.Time // until when saved.Idle counts
}

func newCursor(c ledger.Cursor) *cursor {
	return &cursor{saved: c, onDisk: c.Number, counted: time.Now()}
}

// moved notes that somebody has read. Topic.mu is held.
func (c *cursor) moved(clock time.Time) {
	c.saved.Updated, c.saved.Idle, c.counted = clock, 0, time.Now()
}

// Readers that are remembered, by the first part of their name.
const (
	readerPlain = "plain"
	readerGroup = "group:"
	readerSlot  = "slot:"
)

// holding tells whether a reader of that name keeps records from being dropped.
func holding(name string) bool { return name != readerPlain }

// Place is what a durable reader has written down beside its number.
type Place struct {
	Number uint64
	Epoch  int
	// Of a slot: the record at Number begins at this offset of its run's
	// input, as the so manieth record of the run.
	InputOffset, InputCount uint64
	State                   []byte
}

// Durable opens the reader that is remembered by name, and with it holds what
// it has not acked. A new one begins at from; expire is how long it is
// remembered unread, 0 for ever. A Topic in memory has those of slots only, which
// hold nothing and begin anew with the Hub.
func (t *Topic) Durable(ctx context.Context, name string, from From, expire time.Duration) (*Reader, error) {
	if t.memory() && holding(name) && !strings.HasPrefix(name, readerSlot) {
		return nil, waverider.Errorf(waverider.Unprocessable, "Topic %s is kept in memory only and remembers no readers", t.name)
	}
	if err := t.ensureReady(ctx); err != nil {
		return nil, err
	}
	for {
		if r, err := t.resume(name); r != nil || err != nil {
			return r, err
		}
		if r, err := t.remember(ctx, name, from, expire); r != nil || err != nil {
			return r, err
		}
	}
}

// resume goes on where the reader was; nil when it is not remembered.
func (t *Topic) resume(name string) (*Reader, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return nil, t.ended
	}
	c := t.cursors[name]
	if c == nil {
		return nil, nil
	}
	r := &Reader{t: t, name: name, at: min(c.saved.Number, t.next), cursor: c, since: time.Now()}
	c.readers++
	if c.saved.Idle > 0 {
		c.saved.Idle = 0
		t.store.cursors.touch(t, name)
	}
	t.join(r)
	return r, nil
}

// remember begins a reader at from, and puts it on disk; nil when somebody else
// has just done so.
func (t *Topic) remember(ctx context.Context, name string, from From, expire time.Duration) (*Reader, error) {
	r, err := t.Reader(ctx, from)
	if err != nil {
		return nil, err
	}
	k := &t.store.cursors
	k.writing.Lock() // no older cursor is written over it, none forgotten meanwhile
	defer k.writing.Unlock()
	t.mu.Lock()
	if t.cursors[name] != nil {
		t.mu.Unlock()
		r.Close()
		return nil, nil
	}
	c := newCursor(ledger.Cursor{Incarnation: t.incarnation(r.at), Number: r.at, Updated: t.store.now(), Expires: expire})
	c.readers = 1
	t.cursors[name] = c
	r.name, r.cursor = name, c
	saved := c.saved
	t.mu.Unlock()
	err = t.store.ledger.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: t.name, Reader: name}: saved})
	if err != nil {
		t.mu.Lock()
		if c.readers == 1 { // nobody else has come to it
			delete(t.cursors, name)
		}
		t.mu.Unlock()
		r.Close()
		return nil, err
	}
	return r, nil
}

// Plain opens a reader of those who give no name. They share one cursor: who
// comes when there is no other goes on there, others get what comes from now on.
func (t *Topic) Plain(ctx context.Context) (*Reader, error) {
	if err := t.ensureReady(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return nil, t.ended
	}
	c := t.cursors[readerPlain]
	if c == nil {
		c = newCursor(ledger.Cursor{Incarnation: t.incarnation(t.first), Number: t.first})
		t.cursors[readerPlain] = c
	}
	r := &Reader{t: t, name: readerPlain, cursor: c, at: min(c.saved.Number, t.next), since: time.Now()}
	if c.readers > 0 {
		r.at = t.next
	}
	c.readers++
	t.join(r)
	return r, nil
}

// Known answers where a durable reader stands, without opening it.
func (t *Topic) Known(ctx context.Context, name string) (Place, bool, error) {
	if err := t.ensureReady(ctx); err != nil {
		return Place{}, false, err
	}
	t.store.cursors.writing.Lock() // a place and its state move together
	defer t.store.cursors.writing.Unlock()
	saved, ok, err := t.store.ledger.Cursor(t.name, name)
	if err != nil {
		return Place{}, false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.cursors[name]
	if c == nil || !ok {
		return Place{}, false, nil
	}
	return Place{Number: max(c.saved.Number, t.first), Epoch: c.saved.Epoch, InputOffset: c.saved.InputOffset, InputCount: c.saved.InputCount, State: saved.State}, true, nil
}

// Incarnation is the one that a record belongs to, or will.
func (t *Topic) Incarnation(number uint64) uint32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.incarnation(number)
}

// Place is where a durable reader stands.
func (r *Reader) Place() Place {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	c := r.cursor.saved
	return Place{Number: c.Number, Epoch: c.Epoch, InputOffset: c.InputOffset, InputCount: c.InputCount}
}

// AckTo tells that everything before number has reached the next holder. It is
// on disk within a quarter of a second, or after Sync.
func (r *Reader) AckTo(number uint64) { r.AckPlace(Place{Number: number}) }

// AckPlace is AckTo with what else is to be written down.
func (r *Reader) AckPlace(p Place) {
	if r.cursor == nil {
		return
	}
	t := r.t
	t.mu.Lock()
	if p.Number > r.cursor.saved.Number || p.Epoch != r.cursor.saved.Epoch {
		r.moveTo(p)
		t.store.cursors.touch(t, r.name)
	}
	t.mu.Unlock()
}

// moveTo changes the cursor. t.mu is held.
func (r *Reader) moveTo(p Place) {
	c := r.cursor
	c.saved.Number, c.saved.Incarnation = p.Number, r.t.incarnation(p.Number)
	c.moved(r.t.store.now())
	c.saved.Epoch, c.saved.InputOffset, c.saved.InputCount = p.Epoch, p.InputOffset, p.InputCount
}

// Save moves the cursor and keeps a state with it, in one write.
func (r *Reader) Save(p Place) error {
	t := r.t
	t.store.cursors.writing.Lock()
	defer t.store.cursors.writing.Unlock()
	t.mu.Lock()
	before := r.cursor.saved
	r.moveTo(p)
	saved := r.cursor.saved
	t.mu.Unlock()
	saved.State = p.State
	err := t.store.ledger.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: t.name, Reader: r.name}: saved})
	t.mu.Lock()
	if err == nil {
		r.cursor.onDisk = max(r.cursor.onDisk, saved.Number)
	} else {
		r.cursor.saved = before // a place without its state must not get to the disk later
	}
	t.roomier.fire()
	t.mu.Unlock()
	return err
}

// Sync puts all cursors of the Store on disk.
func (s *Store) Sync() error { return s.cursors.flush() }

// Sync puts the cursor on disk.
func (r *Reader) Sync() error { return r.t.store.cursors.flush() }

// leave lets go of the cursor.
func (r *Reader) leave() {
	t := r.t
	t.mu.Lock()
	r.cursor.readers--
	r.cursor.moved(t.store.now())
	if t.cursors[r.name] == r.cursor {
		t.store.cursors.touch(t, r.name)
	}
	t.mu.Unlock()
}

// Forget removes a durable reader: it holds nothing any more.
func (t *Topic) Forget(ctx context.Context, name string) error {
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	k := &t.store.cursors
	k.writing.Lock()
	defer k.writing.Unlock()
	t.mu.Lock()
	c := t.cursors[name]
	if c == nil {
		t.mu.Unlock()
		return waverider.Errorf(waverider.NotFound, "Topic %s knows no reader %s", t.name, name)
	}
	if c.readers > 0 {
		t.mu.Unlock()
		return waverider.Errorf(waverider.Conflict, "reader %s of Topic %s is connected; end it first", name, t.name)
	}
	delete(t.cursors, name)
	delete(t.groups, name)
	t.roomier.fire()
	t.mu.Unlock()
	k.drop(t, name)
	return t.store.ledger.DeleteCursor(ledger.Key{Topic: t.name, Reader: name})
}
