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
		state, err := t.store.bus.State(ctx, seg.stream)
		if err != nil {
			return spot{}, err
		}
		hi := state.Last + 1
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

// newest is the newest batch of a subject that can be read.
type newest struct {
	bus.Stored
	batch   *batch.Batch // nil: there is none
	damaged error        // why newer ones cannot be
	after   uint64       // sequence of the newest message, 0 where the engine does not tell
}

// lastOf finds the newest batch of a subject; the caller releases it.
func (s *Store) lastOf(ctx context.Context, stream, subject string) (n newest, err error) {
	var below uint64
	last, err := s.bus.LastOf(ctx, stream, subject)
	switch {
	case err == nil:
		n.after, below = last.Seq, last.Seq
		if n.Stored, n.damaged = last, n.decode(last); n.damaged == nil {
			return n, nil
		}
	case errors.Is(err, bus.ErrNotFound): // there is none, or it is damaged
		state, err := s.bus.State(ctx, stream)
		if err != nil {
			return n, err
		}
		below = state.Last + 1
	default:
		return n, err
	}
	for {
		m, err := s.lastBelow(ctx, stream, subject, below)
		if errors.Is(err, bus.ErrNotFound) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		if n.damaged == nil {
			n.damaged = errUnreadable
		}
		if n.Stored = m; n.decode(m) == nil {
			return n, nil
		}
		below = m.Seq
	}
}

var errUnreadable = errors.New("it cannot be read")

func (n *newest) decode(m bus.Stored) (err error) {
	n.batch, err = batch.Decode(m.Data)
	return err
}

// lastBelow finds the newest message of a subject with a sequence below one.
func (s *Store) lastBelow(ctx context.Context, stream, subject string, below uint64) (last bus.Stored, err error) {
	if last, err = s.bus.NextOf(ctx, stream, subject, 0); err != nil {
		return last, err
	} else if last.Seq >= below {
		return last, bus.ErrNotFound
	}
	for below-last.Seq > 1 {
		mid := last.Seq + (below-last.Seq)/2
		m, err := s.bus.NextOf(ctx, stream, subject, mid)
		switch {
		case errors.Is(err, bus.ErrNotFound) || err == nil && m.Seq >= below:
			below = mid
		case err != nil:
			return last, err
		default:
			last = m
		}
	}
	return last, nil
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
