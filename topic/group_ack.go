package topic

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"waverider"
)

// ack is Message.Ack for what a member was given.
func (m *Member) ack(from, to uint64) {
	t := m.g.t
	t.mu.Lock()
	defer t.mu.Unlock()
	g := m.g
	full := len(g.open) >= maxGiven
	i := slices.IndexFunc(g.open, func(p piece) bool { return p.from == from && p.to == to })
	if i < 0 { // taken back, and given to others in parts
		_ = g.done(from, to)
		return
	}
	g.open = slices.Delete(g.open, i, i+1)
	t.store.cursors.touch(t, g.name)
	g.advance()
	if full {
		g.changed.fire()
	}
}

// AckGroup tells that a group has done with what it was given before to, or
// with from only with what is not before that. It is on disk when this returns.
// The answer is the group's cursor: everything before it is acked.
//
// Acks may come in any order, and also after AckWait and after a restart of the
// Hub. An ack shows that who was given the records is at work: what it was given
// after them stays its own for AckWait more.
func (t *Topic) AckGroup(ctx context.Context, name string, from *Cursor, to Cursor) (Cursor, error) {
	if err := t.ensureReady(ctx); err != nil {
		return Cursor{}, err
	}
	key := readerGroup + name
	t.mu.Lock()
	c := t.cursors[key]
	t.mu.Unlock()
	if c == nil {
		return Cursor{}, noGroup(t.name, name)
	}
	var at Cursor
	var refused error
	err := t.withGroup(key, c, func(g *group) {
		at, refused = g.doneCursors(from, to)
		g.retire()
	})
	if err = errors.Join(err, refused); err != nil {
		return Cursor{}, err
	}
	return at, t.store.cursors.flush()
}

// doneCursors is done for cursors. Topic.mu is held.
func (g *group) doneCursors(from *Cursor, to Cursor) (Cursor, error) {
	t := g.t
	end, err := t.place(to)
	if err != nil {
		return Cursor{}, err
	}
	begin := uint64(0)
	if from != nil {
		if begin, err = t.place(*from); err != nil {
			return Cursor{}, err
		}
		if begin > end {
			return Cursor{}, waverider.Errorf(waverider.Invalid, "from lies behind cursor: ack from the first record to the end of the last")
		}
	}
	if err := g.done(begin, end); err != nil {
		return Cursor{}, err
	}
	low := g.at
	if len(g.open) > 0 {
		low = g.open[0].from
	}
	return t.cursorAt(low), nil
}

// done takes records off what is open. Topic.mu is held.
func (g *group) done(from, to uint64) error {
	if len(g.open) >= maxPieces && len(g.open) > 0 && from > g.open[0].from {
		return tooManyPieces(g.t.name)
	}
	now := time.Now()
	var out []piece
	heard := map[*Member]bool{}
	for _, p := range g.open {
		switch {
		case p.to <= from:
			out = append(out, p)
		case p.from >= to:
			if heard[p.holder] && p.holder != nil && p.holder.o.Explicit {
				p.due = now.Add(p.holder.o.AckWait)
			}
			out = append(out, p)
		default:
			heard[p.holder] = true
			if p.from < from {
				left := p
				left.to = from
				out = append(out, left)
			}
			if p.to > to {
				p.from = to
				if p.holder != nil && p.holder.o.Explicit {
					p.due = now.Add(p.holder.o.AckWait)
				}
				out = append(out, p)
			}
		}
	}
	if to > g.at { // given by an earlier process of the Hub, or passed over
		if from > g.at {
			out = append(out, piece{from: g.at, to: from})
		}
		g.at = to
	}
	g.open = out
	if c := g.t.cursors[g.name]; c != nil {
		c.saved.Updated = now
	}
	g.t.store.cursors.touch(g.t, g.name)
	g.advance()
	g.changed.fire()
	return nil
}

// State of a group in the ledger, beside its cursor: what is open when that is
// not all from the cursor to at. Version, cursor, at, then the lengths of what
// is open and of what is acked after it, by turns.
const groupVersion = 1

// state is what to write down with the cursor, nil for nothing. Topic.mu is held.
func (g *group) state(cursor uint64) []byte {
	if len(g.open) == 0 {
		return nil
	}
	b := binary.AppendUvarint([]byte{groupVersion}, cursor)
	b = binary.AppendUvarint(b, g.at)
	start, end, runs := g.open[0].from, g.open[0].to, 1
	for _, p := range g.open[1:] {
		if p.from != end {
			b = binary.AppendUvarint(b, end-start)
			b = binary.AppendUvarint(b, p.from-end)
			start, runs = p.from, runs+1
		}
		end = p.to
	}
	if runs == 1 && end == g.at {
		return nil
	}
	return binary.AppendUvarint(b, end-start)
}

// restore begins where the ledger says: what is open there is given again.
// Topic.mu is held.
func (g *group) restore(cursor uint64, state []byte) {
	next := g.t.next
	g.at = min(cursor, next)
	if len(state) == 0 {
		return
	}
	number, at, open, err := readGroup(state)
	if err == nil && number != cursor {
		return // the cursor has passed it
	}
	if err != nil || at > next {
		g.t.store.log.Warn("what a group has acked out of order is not known; it is given again", "topic", g.t.name, "group", g.name, "err", err)
		return
	}
	g.at, g.open = at, open
}

var errGroupState = errors.New("the state of a group is not understood")

func readGroup(b []byte) (cursor, at uint64, open []piece, err error) {
	if b[0] != groupVersion {
		return 0, 0, nil, errGroupState
	}
	b = b[1:]
	take := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			b, err = nil, errGroupState
			return 0
		}
		b = b[n:]
		return v
	}
	cursor, at = take(), take()
	for from := cursor; err == nil; {
		to := from + take()
		open = append(open, piece{from: from, to: to})
		if to > at || to <= from {
			err = errGroupState
		}
		if len(b) == 0 {
			break
		}
		from = to + take()
	}
	return cursor, at, open, err
}
