package topic

import (
	"context"
	"errors"

	"waverider/bus"
	"waverider/topic/batch"
)

// spot is the place of a stored batch.
type spot struct {
	stream string // "" is the oldest
	seq    uint64 // of its message; the batch is at or after it
}

// seek finds the last stored batch for which before holds: it holds for all
// batches up to some point and for none after. When it holds for none, the
// oldest batch is answered.
func (t *Topic) seek(ctx context.Context, before func(batch.Header) bool) (spot, error) {
	t.mu.Lock()
	segments := t.meta.Segments
	t.mu.Unlock()
	var oldest spot
	for i := len(segments) - 1; i >= 0; i-- {
		seg := segmentOf(t.name, segments[i])
		h, lo, err := t.headerFrom(ctx, seg, 0)
		if errors.Is(err, bus.ErrNotFound) {
			continue
		} else if err != nil {
			return spot{}, err
		}
		if !before(h) {
			oldest = spot{seg.stream, lo}
			continue
		}
		last, _, err := t.store.lastOf(ctx, seg.stream, seg.filter())
		if err != nil {
			return spot{}, err
		}
		hi := last.Seq + 1
		for hi-lo > 1 {
			mid := lo + (hi-lo)/2
			h, at, err := t.headerFrom(ctx, seg, mid)
			switch {
			case errors.Is(err, bus.ErrNotFound):
				hi = mid
			case err != nil:
				return spot{}, err
			case at >= hi || !before(h):
				hi = mid
			default:
				lo = at
			}
		}
		return spot{seg.stream, lo}, nil
	}
	return oldest, nil
}

// lastOf finds the newest batch of a subject. Where that is damaged it answers
// the newest that is not, and says so.
func (s *Store) lastOf(ctx context.Context, stream, subject string) (last bus.Stored, damaged bool, err error) {
	last, err = s.bus.LastOf(ctx, stream, subject)
	if !errors.Is(err, bus.ErrNotFound) {
		return last, false, err
	}
	if last, err = s.bus.NextOf(ctx, stream, subject, 0); err != nil {
		return last, false, err // there is none, then
	}
	state, err := s.bus.State(ctx, stream)
	if err != nil {
		return last, false, err
	}
	for hi := state.Last + 1; hi-last.Seq > 1; {
		mid := last.Seq + (hi-last.Seq)/2
		m, err := s.bus.NextOf(ctx, stream, subject, mid)
		switch {
		case errors.Is(err, bus.ErrNotFound):
			hi = mid
		case err != nil:
			return last, false, err
		default:
			last = m
		}
	}
	return last, true, nil
}

// headerFrom reads the header of the first batch at or after seq.
func (t *Topic) headerFrom(ctx context.Context, seg segment, seq uint64) (batch.Header, uint64, error) {
	b, at, err := t.batchFrom(ctx, seg, seq)
	if err != nil {
		return batch.Header{}, 0, err
	}
	defer b.Release()
	return b.Header(), at, nil
}

// batchFrom reads the first batch at or after seq; damaged ones are passed over.
func (t *Topic) batchFrom(ctx context.Context, seg segment, seq uint64) (*batch.Batch, uint64, error) {
	for {
		m, err := t.store.bus.NextOf(ctx, seg.stream, seg.filter(), seq)
		if err != nil {
			return nil, 0, err
		}
		b, err := batch.Decode(m.Data)
		if err == nil {
			return b, m.Seq, nil
		}
		t.damaged(ctx, 0, 0, err.Error())
		seq = m.Seq + 1
	}
}

// seekNumber finds the batch that holds a record.
func (t *Topic) seekNumber(ctx context.Context, number uint64) (spot, error) {
	return t.seek(ctx, func(h batch.Header) bool { return h.First <= number })
}

// seekTime finds a batch that was begun before the time, in ms since 1970.
func (t *Topic) seekTime(ctx context.Context, ms int64) (spot, error) {
	return t.seek(ctx, func(h batch.Header) bool { return h.Time < ms })
}
