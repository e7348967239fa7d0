package topic

import (
	"context"
	"io"
	"time"

	"waverider/bus"
	"waverider/topic/batch"
)

// From says where a Reader begins. The zero value is the oldest record.
type From struct {
	New    bool      // after the newest
	Cursor *Cursor   // at this place
	Time   time.Time // at the first record that came then or later
}

// Reader reads one Topic in order. It is not safe for concurrent use; Close it.
type Reader struct {
	t       *Topic
	name    string // of a durable reader or of a connection, for people
	at      uint64 // number of the next record
	where   spot   // where to look for it in the store
	fetched []bus.Stored
	stream  string // of what was fetched
	cursor  *cursor
	until   uint64 // io.EOF there, 0: never
	missed  uint64
	since   time.Time
	sought  bool      // where is right for at
	moved   time.Time // when it took records last, for a memory Topic
	doubted uint64    // one above the number whose absence was looked into
	late    bool      // a memory Topic waited for it in vain
	whose   string    // producer of the batch that nextStored has answered last
}

// Message is records that came one after the other, at least one, in the form
// they are stored in. Release it when its bytes are not needed any more.
type Message struct {
	From, To uint64 // numbers of its first record and of the one after its last
	Missed   uint64 // so many records before it are missing: damaged, dropped, or overwritten in memory
	Producer string // whose records they are, all of them: the id its Writer was opened with
	b        *batch.Batch
	r        *Reader
	by       *Member // who has it, of a group
}

// Data is the bytes of all its records.
func (m *Message) Data() []byte { return m.b.Range(m.From, m.To) }

// Before is the bytes of the records before a number, which it has or is To.
func (m *Message) Before(number uint64) int { return len(m.b.Range(m.From, number)) }

// Records goes through the records.
func (m *Message) Records(yield func(batch.Record) bool) {
	for rec := range m.b.Records(m.From) {
		if rec.Number >= m.To || !yield(rec) {
			return
		}
	}
}

// Count is how many records it has.
func (m *Message) Count() uint64 { return m.To - m.From }

// Cursor is the place after it.
func (m *Message) Cursor() Cursor { return m.r.CursorAt(m.To) }

// Cut leaves only its first n records. Members of a group say so with Next.
func (m *Message) Cut(n uint64) {
	if n < m.Count() {
		m.To = m.From + n
		t := m.r.t
		t.mu.Lock() // Info looks at it
		m.r.at, m.r.sought = m.To, false
		t.mu.Unlock()
	}
}

// Ack tells, for a durable reader, that everything up to and with this message
// has reached the next holder; for a member of a group, that this message has.
// It is on disk soon after; see Reader.Sync.
func (m *Message) Ack() {
	if m.by != nil {
		m.by.ack(m.From, m.To)
		return
	}
	m.r.AckTo(m.To)
}

// Retain keeps the bytes beyond one Release more.
func (m *Message) Retain() { m.b.Retain() }

// Release gives the buffer back.
func (m *Message) Release() { m.b.Release() }

// Reader opens a reader that nobody remembers.
func (t *Topic) Reader(ctx context.Context, from From) (*Reader, error) {
	if err := t.ensureReady(ctx); err != nil {
		return nil, err
	}
	r := &Reader{t: t, since: time.Now()}
	if !from.Time.IsZero() {
		at, err := t.numberAtTime(ctx, from.Time)
		if err != nil {
			return nil, err
		}
		r.at = at
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.ended != nil:
		return nil, t.ended
	case from.New:
		r.at = t.next
	case from.Cursor != nil:
		at, err := t.place(*from.Cursor)
		if err != nil {
			return nil, err
		}
		r.at = at
	case from.Time.IsZero():
		r.at = t.first
	}
	t.join(r)
	return r, nil
}

// join lists a live reader. t.mu is held.
func (t *Topic) join(r *Reader) {
	if len(t.readers) == 0 {
		t.store.reading.Add(1)
	}
	t.readers[r] = true
	r.moved = time.Now()
}

// quit takes a reader off the list. t.mu is held.
func (t *Topic) quit(r *Reader) {
	if !t.readers[r] {
		return
	}
	delete(t.readers, r)
	if len(t.readers) == 0 {
		t.store.reading.Add(-1)
		if !t.memory() {
			t.tail.clear()
		}
	}
}

// Close takes the reader off the list.
func (r *Reader) Close() {
	t := r.t
	t.mu.Lock()
	t.quit(r)
	t.roomier.fire()
	t.mu.Unlock()
	r.fetched = nil
	if r.cursor != nil {
		r.leave()
	}
}

// UntilNow makes Next answer io.EOF after the records that are there now.
func (r *Reader) UntilNow() {
	r.t.mu.Lock()
	r.until = r.t.next
	r.t.mu.Unlock()
}

// Missed is how many records before At are missing, beside those that Messages
// have told: at the end of the Topic no Message comes to tell.
func (r *Reader) Missed() uint64 { return r.missed }

// At is the place of the next record.
func (r *Reader) At() Cursor { return r.CursorAt(r.at) }

// CursorAt is the place of a record.
func (r *Reader) CursorAt(number uint64) Cursor {
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	return r.t.cursorAt(number)
}

// steady is read, through an engine that is started anew.
func (r *Reader) steady(ctx context.Context) (m *Message, err error) {
	err = r.t.patient(ctx, func() (err error) {
		if m, err = r.read(ctx); err != nil {
			r.sought, r.fetched = false, nil
		}
		return err
	})
	return m, err
}

// Next waits for the next records. It fails with the reason when the Topic was
// deleted or the Store closes, and with io.EOF where UntilNow says so.
func (r *Reader) Next(ctx context.Context) (*Message, error) {
	for {
		m, grew, err := r.poll()
		switch {
		case m != nil || err != nil:
			return m, err
		case grew == nil:
			if m, err := r.steady(ctx); m != nil || err != nil {
				return m, err
			}
			continue
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// poll looks into the tail. Without a message and an error it answers what to
// wait for, or nil when the store has the record.
func (r *Reader) poll() (*Message, <-chan struct{}, error) {
	t := r.t
	t.mu.Lock()
	defer t.mu.Unlock()
	if r.at < t.first && !r.over() {
		r.skipTo(t.first)
		r.sought = false
	}
	if r.over() {
		return nil, nil, io.EOF
	}
	if t.ended != nil {
		return nil, nil, t.ended
	}
	if r.at >= t.next {
		return nil, t.grew.wait(), nil
	}
	if len(r.fetched) > 0 {
		return nil, nil, nil
	}
	if len(t.tail.list) > 0 && r.at >= t.tail.list[0].batch.Header().First {
		in, ok := t.tail.find(r.at)
		if !ok { // between two incarnations
			r.skipTo(t.tail.after(r.at))
			if r.over() {
				return nil, nil, io.EOF
			}
			in, _ = t.tail.find(r.at)
		}
		in.batch.Retain()
		r.where, r.sought = spot{in.in.stream, in.seq + 1}, true
		if t.memory() {
			r.moved, r.late = time.Now(), false
			t.roomier.fire()
		}
		return r.message(in.batch, in.producer), nil, nil
	}
	if t.memory() { // nothing is kept of what the reader wants
		r.missed += t.next - r.at
		r.at = t.next
		if r.over() {
			return nil, nil, io.EOF
		}
		return nil, t.grew.wait(), nil
	}
	return nil, nil, nil
}

// message makes a Message of the rest of a batch, which it takes over.
func (r *Reader) message(b *batch.Batch, producer string) *Message {
	m := &Message{From: r.at, To: b.Next(), Missed: r.missed, Producer: producer, b: b, r: r}
	if r.until > 0 && m.To > r.until {
		m.To = r.until
	}
	r.missed = 0
	r.at = m.To
	return m
}

// skipTo goes on at a later record. What lies between and was given to a record
// is missing.
func (r *Reader) skipTo(number uint64) {
	if r.until > 0 {
		number = min(number, r.until)
	}
	r.missed += r.t.count(r.at, number)
	r.at = number
}

// over tells whether the reader is where UntilNow says it ends.
func (r *Reader) over() bool { return r.until > 0 && r.at >= r.until }

// after is the number of the first record in the tail that is not before number.
func (l *tail) after(number uint64) uint64 {
	for _, in := range l.list {
		if in.batch.Next() > number {
			return max(number, in.batch.Header().First)
		}
	}
	return number
}

func (t *Topic) numberAtTime(ctx context.Context, at time.Time) (uint64, error) {
	ms := at.UnixMilli()
	if t.memory() {
		t.mu.Lock()
		defer t.mu.Unlock()
		for _, in := range t.tail.list {
			if n := in.batch.NumberAtTime(ms); n < in.batch.Next() {
				return n, nil
			}
		}
		return t.next, nil
	}
	where, err := t.seekTime(ctx, ms)
	if err != nil {
		return 0, err
	}
	r := &Reader{t: t, where: where, sought: true}
	t.mu.Lock()
	r.at, r.until = t.first, t.next
	next := t.next
	t.mu.Unlock()
	for {
		b, err := r.nextStored(ctx)
		if err != nil || b == nil {
			return next, err
		}
		n, after := b.NumberAtTime(ms), b.Next()
		b.Release()
		if n < after {
			return n, nil
		}
	}
}
