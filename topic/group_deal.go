package topic

import (
	"context"
	"io"
	"slices"
	"time"
)

// Next waits for records that no other member has, at most limit; 0 is as many
// as come together. It ends as Reader.Next does.
func (m *Member) Next(ctx context.Context, limit uint64) (*Message, error) {
	for {
		msg, w, err := m.take(ctx, limit)
		if msg != nil || err != nil {
			return msg, m.g.t.because(err)
		}
		if err := w.wait(ctx); err != nil {
			return nil, err
		}
	}
}

// wake is what a member waits for.
type wake struct {
	grew, changed <-chan struct{}
	due           time.Time // when something is given again at the latest; zero: unknown
}

func (w wake) wait(ctx context.Context) error {
	var late <-chan time.Time
	if !w.due.IsZero() {
		timer := time.NewTimer(time.Until(w.due))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-w.grew:
	case <-w.changed:
	case <-late:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// take answers records, or what to wait for before it is worth another try.
func (m *Member) take(ctx context.Context, limit uint64) (*Message, wake, error) {
	g, t := m.g, m.g.t
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, wake{}, ctx.Err()
	}
	defer func() { <-g.turn }()
	for {
		t.mu.Lock()
		if t.ended != nil {
			t.mu.Unlock()
			return nil, wake{}, t.ended
		}
		w := wake{due: g.overdue(time.Now())}
		if p, ok := g.reclaim(m, limit); ok {
			t.mu.Unlock()
			msg, err := g.reread(ctx, p)
			if msg != nil || err != nil {
				return msg, w, err
			}
			continue // they are there no more
		}
		w.changed = g.changed.wait()
		at, over, full := g.at, m.until > 0 && g.at >= m.until, len(g.open) >= maxGiven
		t.mu.Unlock()
		switch {
		case over:
			return nil, w, io.EOF
		case full:
			return nil, w, nil
		}
		grew, err := g.look(ctx, at)
		if err != nil || grew != nil {
			w.grew = grew
			return nil, w, err
		}
		if msg := g.deal(m, limit); msg != nil {
			return msg, w, nil
		}
	}
}

// look sees to it that head has the record at, or answers what to wait for.
func (g *group) look(ctx context.Context, at uint64) (grew <-chan struct{}, err error) {
	if g.head != nil && g.head.To <= at {
		g.drop()
	}
	if g.head != nil {
		g.head.From = max(g.head.From, at)
		return nil, nil
	}
	if g.in.at != at {
		g.in.at, g.in.sought, g.in.fetched = at, false, nil
	}
	for g.head == nil {
		m, grew, err := g.in.poll()
		if err != nil || grew != nil {
			return grew, err
		}
		if m == nil {
			if m, err = g.in.steady(ctx); err != nil {
				return nil, err
			}
		}
		g.head = m
	}
	return nil, nil
}

// drop lets go of head.
func (g *group) drop() {
	if g.head != nil {
		g.head.Release()
		g.head = nil
	}
}

// deal gives the next records of head to a member; nil when an ack has passed
// them meanwhile.
func (g *group) deal(m *Member, limit uint64) *Message {
	t, h := g.t, g.head
	t.mu.Lock()
	defer t.mu.Unlock()
	if h.From < g.at {
		return nil
	}
	msg := &Message{From: h.From, To: h.To, Missed: h.Missed, Producer: h.Producer, b: h.b, r: &g.in, by: m}
	if m.until > 0 {
		msg.To = max(min(msg.To, m.until), msg.From+1)
	}
	if limit > 0 {
		msg.To = min(msg.To, msg.From+limit)
	}
	h.From, h.Missed = msg.To, 0
	if h.From == h.To {
		g.head = nil // its reference is the message's now
	} else {
		h.b.Retain()
	}
	g.at = msg.To // what is missing before msg.From nobody can be given
	g.open = append(g.open, m.piece(msg.From, msg.To))
	g.advance()
	return msg
}

// piece is records that m has from now on.
func (m *Member) piece(from, to uint64) piece {
	p := piece{from: from, to: to, holder: m}
	if m.o.Explicit {
		p.due = time.Now().Add(m.o.AckWait)
	}
	return p
}

// overdue takes back what was not acked in time, and answers when it has to be
// looked at next. Topic.mu is held.
func (g *group) overdue(now time.Time) (next time.Time) {
	for i := range g.open {
		p := &g.open[i]
		if !p.due.IsZero() && !p.due.After(now) {
			if late := p.holder; late != nil {
				p.holder, p.late, p.due = nil, late, now.Add(late.o.AckWait) // others first
			} else {
				p.free()
			}
			g.changed.fire()
		}
		if !p.due.IsZero() && (next.IsZero() || p.due.Before(next)) {
			next = p.due
		}
	}
	return next
}

// reclaim gives a member the oldest records that are to be given again.
// Topic.mu is held.
func (g *group) reclaim(m *Member, limit uint64) (piece, bool) {
	i := slices.IndexFunc(g.open, func(p piece) bool { return p.holder == nil && (p.late != m || g.members == 1) })
	if i < 0 {
		return piece{}, false
	}
	p := g.open[i]
	if limit > 0 && p.to-p.from > limit {
		g.cut(i, p.from+limit)
		p = g.open[i]
	}
	g.open[i] = m.piece(p.from, p.to)
	return g.open[i], true
}

// cut makes two of a piece. Topic.mu is held.
func (g *group) cut(i int, at uint64) {
	rest := g.open[i]
	rest.from = at
	g.open[i].to = at
	g.open = slices.Insert(g.open, i+1, rest)
}

// reread reads records once more that p.holder has claimed. Neither a message
// nor an error: they are there no more. What does not fit into one message is
// for the next who asks.
func (g *group) reread(ctx context.Context, p piece) (*Message, error) {
	msg, err := g.readAt(ctx, p)
	t := g.t
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(g.open, func(o piece) bool { return o.from == p.from && o.to == p.to && o.holder == p.holder })
	if i < 0 { // acked while it was read
		if msg != nil {
			msg.Release()
		}
		return nil, err
	}
	switch {
	case err != nil:
		g.open[i].free()
		g.changed.fire()
		return nil, err
	case msg == nil:
		g.open = slices.Delete(g.open, i, i+1)
	default:
		if msg.To < p.to {
			g.cut(i, msg.To)
			g.open[i+1].free()
			g.changed.fire()
		}
		g.open[i].from = msg.From
	}
	g.advance()
	return msg, nil
}

// readAt reads what there is of a piece, in one message.
func (g *group) readAt(ctx context.Context, p piece) (*Message, error) {
	r := &g.again
	if r.at != p.from {
		r.at, r.sought, r.fetched = p.from, false, nil
	}
	for {
		msg, grew, err := r.poll()
		if err != nil || grew != nil {
			return nil, err
		}
		if msg == nil {
			if msg, err = r.steady(ctx); err != nil {
				return nil, err
			}
		}
		switch {
		case msg == nil:
			continue
		case msg.From >= p.to:
			msg.Release()
			return nil, nil
		}
		msg.To, msg.by = min(msg.To, p.to), p.holder
		if msg.To < r.at {
			r.at, r.sought, r.fetched = msg.To, false, nil
		}
		return msg, nil
	}
}

// advance moves the cursor to the first record that is not acked. Topic.mu is held.
func (g *group) advance() {
	c, low := g.t.cursors[g.name], g.at
	if c == nil {
		return // forgotten, or the Topic is deleted
	}
	if len(g.open) > 0 {
		low = g.open[0].from
	}
	if low > c.saved.Number {
		c.saved.Number, c.saved.Incarnation = low, g.t.incarnation(low)
		c.moved(g.t.store.now())
		g.t.store.cursors.touch(g.t, g.name)
	}
}
