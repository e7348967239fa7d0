package topic

import (
	"context"
	"time"

	"waverider"
	"waverider/topic/batch"
)

// Anonymous is the producer of those who do not number their records: HTTP
// requests. They share batches.
const Anonymous = "any"

// Writer adds the records of one producer to a Topic. One goroutine at a time
// calls Append; Flush and Stored may be called beside it.
type Writer struct {
	t    *Topic
	p    *producer
	to   uint64 // p.added after this Writer's last record
	turn int    // p.turn when it was opened
	left bool
	Wait bool // wait for room when readers hold all of it, else fail with Full
}

// Writer opens the Topic for a producer. What it stored last is Last. Close
// lets go of it.
func (t *Topic) Writer(ctx context.Context, id string) (*Writer, error) {
	if err := t.ensureReady(ctx); err != nil {
		return nil, err
	}
	if err := t.live(ctx); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.producers[id] == nil {
		left := t.left
		t.mu.Unlock()
		var found *producer
		err := t.patient(ctx, func() (err error) {
			found, err = t.findProducer(ctx, id)
			return err
		})
		t.mu.Lock()
		if err != nil {
			return nil, err
		}
		if t.producers[id] == nil && t.left == left { // else it may have come further since
			t.producers[id] = found
		}
	}
	p := t.producers[id]
	p.users++
	return &Writer{t: t, p: p, to: p.added, turn: p.turn, Wait: true}, nil
}

// TakeOver is Writer for one who must be the only one: others of the producer
// fail with ErrFenced from now on, and all they added is stored when this
// returns, so that Last tells how far the producer is and nothing comes after
// it by another.
func (t *Topic) TakeOver(ctx context.Context, id string) (*Writer, error) {
	w, err := t.Writer(ctx, id)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	w.p.turn++
	w.turn, w.to = w.p.turn, w.p.added
	t.moved.fire() // who waits to add something shall not
	t.roomier.fire()
	t.mu.Unlock()
	if _, err := w.Flush(ctx); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// findProducer reads what a producer stored last, in the newest stream that
// has something of it.
func (t *Topic) findProducer(ctx context.Context, id string) (*producer, error) {
	p := &producer{id: id}
	t.mu.Lock()
	segments, here, fresh, dropped := t.meta.Segments, t.here, t.fresh, t.meta.Producers
	t.mu.Unlock()
	if fresh || t.memory() {
		return p, nil
	}
	for i := len(segments) - 1; i >= 0; i-- {
		seg := segmentOf(t.name, segments[i])
		last, err := t.store.lastOf(ctx, seg.stream, seg.subject(t.store.token, id))
		if err != nil {
			return nil, err
		}
		if seg == here {
			p.after = last.after
		}
		if last.damaged != nil {
			t.store.log.Error("the last batch of a producer is damaged: what was in it is taken for new", "topic", t.name, "producer", id, "err", last.damaged)
		}
		if last.batch != nil {
			h := last.batch.Header()
			last.batch.Release()
			p.last = State{Epoch: h.Epoch, End: h.End, Cause: h.Cause}
			return p, nil
		}
	}
	if last, ok := dropped[id]; ok {
		p.last = State{Epoch: last.Epoch, End: last.End}
	}
	return p, nil
}

// Last is how far the producer's stored records come.
func (w *Writer) Last() State {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	return w.p.last
}

// Append adds whole records, which lie one after the other in records, and
// returns when they are in the open batch: it waits while that is full. After
// them the producer stands at tag. On an error nothing was added; more than one
// message can have is one of kind TooLarge.
func (w *Writer) Append(ctx context.Context, records []byte, lengths []uint32, tag State) error {
	if len(lengths) == 0 {
		return nil
	}
	if n := len(records); len(lengths) > batch.MaxCount || n > batch.MaxRecord || n > batch.MaxData && len(lengths) > 1 {
		return waverider.Errorf(waverider.TooLarge, "%d records of %d bytes together; at most %d of %d, or one of %d, can be added at once",
			len(lengths), n, batch.MaxCount, batch.MaxData, batch.MaxRecord)
	}
	t, p := w.t, w.p
	t.mu.Lock()
	for {
		if err := t.writable(w); err != nil {
			t.mu.Unlock()
			return err
		}
		if slow := t.waitsFor(len(records)); slow > 0 {
			if err := t.awaitReader(ctx, slow); err != nil {
				t.mu.Unlock()
				return err
			}
			continue
		}
		if !t.roomFor(len(records)) {
			if err := w.awaitRoom(ctx, len(records)); err != nil {
				t.mu.Unlock()
				return err
			}
			continue
		}
		if p.open == nil || fits(p.open, len(records), len(lengths)) {
			break
		}
		moved := t.moved.wait()
		t.mu.Unlock()
		select {
		case <-moved:
		case <-t.store.guard.refusing(): // what is open may not be stored for long
		case <-ctx.Done():
			return ctx.Err()
		}
		t.mu.Lock()
	}
	if p.open == nil {
		hint := len(records)
		if t.busy && hint >= 64<<10 { // more will come before it is sealed
			hint = batch.MaxData
		}
		p.open = batch.NewBuilder(hint)
	}
	p.open.Add(records, lengths, time.Now().UnixMilli(), nil)
	p.tag = tag
	p.added += uint64(len(lengths))
	w.to = p.added
	if !p.queued {
		p.queued = true
		t.queue = append(t.queue, p)
	}
	t.fresh = false
	if t.busy {
		t.mu.Unlock()
		return nil
	}
	t.busy = true
	if t.lane == nil { // memory: nobody to wait for
		t.mu.Unlock()
		t.completeNow()
		return nil
	}
	l := t.lane
	t.mu.Unlock()
	l.add(t)
	return nil
}

func fits(b *batch.Builder, bytes, count int) bool {
	roomBytes, roomCount := b.Room()
	return bytes <= roomBytes && count <= roomCount
}

// completeNow stores the open batches of a memory Topic: they are in its tail.
func (t *Topic) completeNow() {
	for more := true; more; {
		work, _ := t.seal(commitMessages)
		t.complete(work)
		t.mu.Lock()
		more = t.more()
		t.mu.Unlock()
	}
}

// writable says why a Writer can add nothing now. t.mu is held.
func (t *Topic) writable(w *Writer) error {
	if t.ended != nil {
		return t.ended
	}
	if w.p.failed != nil {
		return w.p.failed
	}
	if w.turn != w.p.turn {
		return ErrFenced
	}
	if t.lane == nil {
		return nil
	}
	return t.store.guard.check()
}

// awaitRoom drops what may go, and waits for readers if that is not enough.
// t.mu is held, and again when it returns.
func (w *Writer) awaitRoom(ctx context.Context, n int) error {
	t := w.t
	roomier, moved := t.roomier.wait(), t.moved.wait()
	t.mu.Unlock()
	err := t.patient(ctx, func() error { return t.makeRoom(ctx, uint64(n)) })
	t.mu.Lock()
	if err != nil || t.roomFor(n) || t.ended != nil {
		return err
	}
	if !w.Wait && t.floor() < t.next {
		return waverider.Errorf(waverider.Full, "Topic %s is full: %s; wait, raise its limit, or set discard to old", t.name, t.holders())
	}
	if t.floor() < t.next {
		t.waiting++
		defer func() { t.waiting-- }()
	}
	t.mu.Unlock()
	defer t.mu.Lock()
	select {
	case <-roomier:
		return nil
	case <-moved: // what was on its way can be dropped now
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Added is a mark after what this Writer has added, for Await.
func (w *Writer) Added() uint64 {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	return w.to
}

// Flush waits until everything this Writer added is durable, and answers a
// place after it. It fails with Full as soon as the disk is.
func (w *Writer) Flush(ctx context.Context) (Cursor, error) { return w.Await(ctx, w.Added()) }

// Await is Flush for what was added before a mark.
func (w *Writer) Await(ctx context.Context, mark uint64) (Cursor, error) {
	t := w.t
	for {
		t.mu.Lock()
		switch {
		case w.p.failed != nil:
			defer t.mu.Unlock()
			return Cursor{}, w.p.failed
		case w.p.stored >= mark:
			defer t.mu.Unlock()
			return t.cursorAt(t.next), nil
		case t.ended != nil && !t.busy:
			defer t.mu.Unlock()
			return Cursor{}, t.ended
		}
		moved := t.moved.wait()
		t.mu.Unlock()
		select {
		case <-moved:
		case <-t.store.guard.refusing():
			if err := t.store.guard.check(); err != nil {
				return Cursor{}, err
			}
		case <-ctx.Done():
			return Cursor{}, ctx.Err()
		}
	}
}

// Progress waits until the producer has stored records after the State seen,
// and answers the new one.
func (w *Writer) Progress(ctx context.Context, seen State) (State, error) {
	t, p := w.t, w.p
	for {
		t.mu.Lock()
		switch {
		case p.last.Epoch != seen.Epoch || p.last.End != seen.End:
			defer t.mu.Unlock()
			return p.last, nil
		case p.failed != nil:
			defer t.mu.Unlock()
			return seen, p.failed
		case t.ended != nil && !t.busy:
			defer t.mu.Unlock()
			return seen, t.ended
		}
		moved := t.moved.wait()
		t.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return seen, ctx.Err()
		}
	}
}

// Close lets go of the producer, once. What was added is stored all the same.
func (w *Writer) Close() {
	t := w.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.left {
		return
	}
	w.left = true
	w.p.users--
	if w.p.users == 0 && w.p.id != Anonymous && w.p.stored == w.p.added {
		delete(t.producers, w.p.id) // it is found again on disk
		t.left++
	}
}
