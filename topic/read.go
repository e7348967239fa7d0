package topic

import (
	"context"
	"errors"
	"slices"
	"time"

	"waverider/bus"
	"waverider/topic/batch"
	"waverider/topic/ledger"
)

// One read from the store: what a reader that stands still holds.
const (
	fetchMessages = 64
	fetchBytes    = 1 << 20
)

// read takes the next batch from the store; neither a message nor an error
// means that there is none where one was expected, and the tail may have it.
func (r *Reader) read(ctx context.Context) (*Message, error) {
	if !r.sought {
		where, err := r.t.seekNumber(ctx, r.at)
		if err != nil {
			return nil, err
		}
		r.where, r.sought, r.fetched = where, true, nil
	}
	b, err := r.nextStored(ctx)
	if err != nil {
		return nil, err
	}
	if (b == nil || b.Header().First > r.at) && r.doubted != r.at+1 {
		// An engine that was started anew may have used sequences again: a gap
		// is believed only where a search from the beginning finds it too.
		if b != nil {
			b.Release()
		}
		r.doubted, r.sought = r.at+1, false
		return nil, nil
	}
	if b == nil {
		return nil, r.lostTo(ctx)
	}
	if h := b.Header(); h.First > r.at {
		r.jump(ctx, h.First)
	}
	r.t.mu.Lock()
	defer r.t.mu.Unlock()
	if r.over() { // what it should read is missing
		b.Release()
		return nil, nil
	}
	return r.message(b, r.whose), nil
}

// nextStored answers the next stored batch that has a record at or after r.at;
// nil when there is none.
func (r *Reader) nextStored(ctx context.Context) (*batch.Batch, error) {
	for {
		if len(r.fetched) == 0 {
			if more, err := r.fetch(ctx); err != nil || !more {
				return nil, err
			}
		}
		m := r.fetched[0]
		r.fetched = r.fetched[1:]
		r.where = spot{r.stream, m.Seq + 1}
		b, err := batch.Decode(m.Data)
		if err != nil {
			r.t.damaged(ctx, r.at, 0, err.Error())
			continue
		}
		if b.Next() > r.at {
			r.whose = producerOf(m.Subject)
			return b, nil
		}
		b.Release()
	}
}

// fetch reads on, over the end of a segment too; false when all is read.
func (r *Reader) fetch(ctx context.Context) (bool, error) {
	r.t.mu.Lock()
	segments := r.t.meta.Segments
	r.t.mu.Unlock()
	at, from := slices.Index(segments, r.where.stream), r.where.seq
	if at < 0 { // the oldest, or dropped meanwhile
		at, from = 0, 0
	}
	for _, stream := range segments[at:] {
		seg := segmentOf(r.t.name, stream)
		got, err := r.t.store.bus.Fetch(ctx, seg.stream, seg.filter(), from, fetchMessages, fetchBytes)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return false, err
		}
		if len(got) > 0 {
			r.fetched, r.stream = got, stream
			r.where = spot{stream, got[0].Seq}
			return true, nil
		}
		from = 0
	}
	return false, nil
}

// jump goes on at a record that is not the next one: what is between was never
// numbered, was dropped meanwhile, or is damage.
func (r *Reader) jump(ctx context.Context, number uint64) {
	t := r.t
	t.mu.Lock()
	from := r.at
	r.skipTo(number)
	missing := r.at-from > 0 && r.missed > 0 && from >= t.first
	t.mu.Unlock()
	if missing {
		t.damaged(ctx, from, number, "records between two batches are missing in the store")
	}
}

// lostTo deals with records that should be in the store and are not.
func (r *Reader) lostTo(ctx context.Context) error {
	t := r.t
	t.mu.Lock()
	from, to := r.at, t.next
	if len(t.tail.list) > 0 {
		to = t.tail.after(r.at)
	}
	if to <= from { // the tail has it
		t.mu.Unlock()
		r.sought = false
		return nil
	}
	r.skipTo(to)
	r.sought = false
	missing := r.missed > 0 && from >= t.first
	t.mu.Unlock()
	if missing {
		t.damaged(ctx, from, to, "the store ends before these records")
	}
	return nil
}

// damaged notes once what is found to be missing or broken.
func (t *Topic) damaged(_ context.Context, from, to uint64, cause string) {
	err := t.put(func(meta *ledger.Topic) error {
		t.mu.Lock()
		defer t.mu.Unlock()
		d := ledger.Damage{At: time.Now(), Incarnation: t.incarnation(max(from, 1)), From: from, To: to, Cause: cause}
		for _, old := range meta.Damage {
			known := to > 0 && old.From <= from && t.count(max(from, old.To), to) == 0
			if known || old.Cause == d.Cause && (old.From == d.From && old.To == d.To || from == 0) {
				return errKnown
			}
		}
		meta.Damage = appendDamage(meta.Damage, d)
		return nil
	})
	if errors.Is(err, errKnown) {
		return
	}
	t.store.log.Error("topic is damaged", "topic", t.name, "from", from, "to", to, "cause", cause)
	if err != nil {
		t.store.log.Error("damage not written down", "topic", t.name, "err", err)
	}
}

var errKnown = errors.New("known already")
