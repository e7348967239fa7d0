package topic

import (
	"context"
	"time"

	"waverider"
)

// What a group may have open at a time: given to a member and not acked.
const (
	maxGiven  = 1024 // pieces; more are given only again
	maxPieces = 8192 // acks out of order cut pieces, but no further than this
)

// Defaults of a group.
const (
	GroupExpires = 7 * 24 * time.Hour
	GroupAckWait = 30 * time.Second
)

// group deals the records of a Topic out to the members of a durable reader.
// Everything below at was given to somebody; what of it is not acked is open.
// It has no goroutine: what is overdue is found by the next who asks.
type group struct {
	t    *Topic
	name string        // of its cursor
	turn chan struct{} // held by the member that reads

	// For the one who has the turn.
	in    Reader   // at what nobody was given yet
	again Reader   // at what is given again
	head  *Message // read by in and not all given

	// Guarded by Topic.mu.
	at      uint64 // the first record that nobody was given yet
	open    []piece
	members int
	changed signal // something is to be given again, or there is room in open
}

// piece is records that were given out and are not acked.
type piece struct {
	from, to uint64
	holder   *Member   // nil: nobody, they are given again
	late     *Member   // without a holder: who had them and did not ack in time
	due      time.Time // of holder: given again then; zero: when it leaves. Of late: given to it again then
}

// free takes the piece from who has it.
func (p *piece) free() { p.holder, p.late, p.due = nil, nil, time.Time{} }

// idle tells whether anybody may have the piece.
func (p *piece) idle() bool { return p.holder == nil && p.late == nil }

// JoinOptions say how a member reads. The zero value acks by Message.Ack.
type JoinOptions struct {
	From     From          // where a new group begins
	Expire   time.Duration // how long the group is remembered unread; 0: as it was, of a new one GroupExpires
	Explicit bool          // records are acked with AckGroup, not with Message.Ack
	AckWait  time.Duration // of Explicit: without an ack for so long they are given again; 0: GroupAckWait
	UntilNow bool          // Next answers io.EOF after the records that are there now
}

// Member is one reader of a group. It is not safe for concurrent use; Close or
// Leave it.
type Member struct {
	g     *group
	r     *Reader // holds the cursor
	o     JoinOptions
	until uint64
}

// Join opens a member of a named group, a reader that several share: each record
// goes to one of them, and what a member was given and has not acked is given
// again when it leaves. The group is remembered, and holds what is not acked.
// It fails with Unprocessable on a Topic in memory.
func (t *Topic) Join(ctx context.Context, name string, o JoinOptions) (*Member, error) {
	if o.AckWait == 0 {
		o.AckWait = GroupAckWait
	}
	expire := o.Expire
	if expire == 0 {
		expire = GroupExpires
	}
	key := readerGroup + name
	r, err := t.Durable(ctx, key, o.From, expire)
	if err != nil {
		return nil, err
	}
	m := &Member{r: r, o: o}
	err = t.withGroup(key, r.cursor, func(g *group) {
		m.g = g
		g.members++
		if o.UntilNow {
			m.until = t.next
		}
		if o.Expire > 0 && r.cursor.saved.Expires != o.Expire {
			r.cursor.saved.Expires = o.Expire
			t.store.cursors.touch(t, key)
		}
	})
	if err != nil {
		r.Close()
		return nil, err
	}
	return m, nil
}

// withGroup does something, under Topic.mu, with a group whose cursor is c.
func (t *Topic) withGroup(key string, c *cursor, do func(*group)) error {
	t.mu.Lock()
	g, ended := t.groups[key], t.ended
	if g != nil && ended == nil {
		do(g)
	}
	t.mu.Unlock()
	if g != nil || ended != nil {
		return ended
	}
	saved, _, err := t.store.ledger.Cursor(t.name, key)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return t.ended
	}
	if g = t.groups[key]; g == nil {
		g = t.addGroup(key, c, saved.State)
	}
	do(g)
	return nil
}

// addGroup makes a group of what the ledger has of it. t.mu is held.
func (t *Topic) addGroup(key string, c *cursor, state []byte) *group {
	g := &group{t: t, name: key, turn: make(chan struct{}, 1), in: Reader{t: t}, again: Reader{t: t}}
	c.kept = len(state) > 0
	g.restore(c.saved.Number, state)
	if t.groups == nil {
		t.groups = map[string]*group{}
	}
	t.groups[key] = g
	return g
}

// retire forgets the group when its cursor says all there is. Topic.mu is held.
func (g *group) retire() {
	if g.members == 0 && len(g.open) == 0 && g.t.groups[g.name] == g {
		delete(g.t.groups, g.name)
	}
}

// At is where the group has come to: everything before is acked.
func (m *Member) At() Cursor { return m.r.CursorAt(m.at()) }

func (m *Member) at() uint64 {
	t := m.g.t
	t.mu.Lock()
	defer t.mu.Unlock()
	return m.r.cursor.saved.Number
}

// Close gives back what the member has not acked and leaves the group.
func (m *Member) Close() { m.leave(false) }

// Leave is Close for a member of Explicit that has come to its end: what it was
// given stays its own until AckWait has passed.
func (m *Member) Leave() { m.leave(m.o.Explicit) }

func (m *Member) leave(keep bool) {
	g, t := m.g, m.g.t
	t.mu.Lock()
	if m.r == nil {
		t.mu.Unlock()
		return
	}
	r := m.r
	m.r = nil
	for i := range g.open {
		if p := &g.open[i]; p.holder == m && !keep || p.late == m {
			p.free()
		}
	}
	g.merge()
	g.members--
	last := g.members == 0
	g.retire()
	g.changed.fire()
	t.mu.Unlock()
	if last {
		g.rest()
	}
	r.Close()
}

// rest lets go of what the one with the turn has, while there is no member.
func (g *group) rest() {
	g.turn <- struct{}{} // somebody may have joined already
	defer func() { <-g.turn }()
	g.drop()
	g.in.fetched, g.in.sought, g.again.fetched, g.again.sought = nil, false, nil, false
	g.in.at, g.again.at = 0, 0
}

// merge joins neighbours that nobody has. Topic.mu is held.
func (g *group) merge() {
	out := g.open[:0]
	for _, p := range g.open {
		if n := len(out); n > 0 && p.idle() && out[n-1].idle() && out[n-1].to == p.from {
			out[n-1].to = p.to
			continue
		}
		out = append(out, p)
	}
	clear(g.open[len(out):])
	g.open = out
}

// waiting is how many records are not acked, or were given to nobody yet.
// Topic.mu is held.
func (g *group) waiting() uint64 {
	n := g.t.count(g.at, g.t.next)
	for _, p := range g.open {
		n += g.t.count(p.from, p.to)
	}
	return n
}

// ForgetGroup removes a group: it holds nothing any more. The error is NotFound
// when there is none, and Conflict while it has members.
func (t *Topic) ForgetGroup(ctx context.Context, name string) error {
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	key := readerGroup + name
	t.mu.Lock()
	c, members := t.cursors[key], 0
	if c != nil {
		members = c.readers
	}
	t.mu.Unlock()
	switch {
	case c == nil:
		return noGroup(t.name, name)
	case members > 0:
		return waverider.Errorf(waverider.Conflict, "group %s of Topic %s has %d readers; end them first", name, t.name, members)
	}
	return t.Forget(ctx, key)
}

func noGroup(topic waverider.TopicName, name string) error {
	return waverider.Errorf(waverider.NotFound, "Topic %s knows no group %s", topic, name)
}

func tooManyPieces(name waverider.TopicName) error {
	return waverider.Errorf(waverider.Full, "too many records of Topic %s are acked out of order; ack the older ones first", name)
}
