package space

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"waverider/link"
	"waverider/link/replica"
	"waverider/records"
)

// HubRecord is what a Space remembers of a Hub.
type HubRecord struct {
	ID         string            `json:"id"`
	Name       string            `json:"name"`
	Key        string            `json:"key"`
	Labels     map[string]string `json:"labels,omitempty"`
	Domain     string            `json:"domain,omitempty"`
	Joined     time.Time         `json:"joined"`
	JoinedWith string            `json:"joinedWith"` // id of the token

	Ticket  uint64 `json:"ticket"`            // that the Hub has for sure
	Pending uint64 `json:"pending,omitempty"` // newest that it was given, and may have
	Joining bool   `json:"joining,omitempty"` // it has not shown a ticket since it joined

	Revoked          bool         `json:"revoked,omitempty"`
	Clone            *CloneNotice `json:"clone,omitempty"`
	Connected        time.Time    `json:"connected,omitzero"`    // last
	Disconnected     time.Time    `json:"disconnected,omitzero"` // last
	DisconnectReason string       `json:"disconnectReason,omitempty"`
	Remote           string       `json:"remote,omitempty"` // address, last
	Build            string       `json:"build,omitempty"`
	Reads            []string     `json:"-"`               // Topics it wants from the Space; they have a place of their own
	Asked            *link.Answer `json:"asked,omitempty"` // what was decided last of what it wanted
}

// CloneNotice tells of another with the same identity.
type CloneNotice struct {
	At     time.Time `json:"at"`
	Remote string    `json:"remote"`
	Name   string    `json:"name,omitempty"`
}

// last is the newest ticket that was given.
func (rec HubRecord) last() uint64 { return max(rec.Ticket, rec.Pending) }

// knows tells that a ticket of this number was not replaced yet. It need not be
// the newest one: whether that has reached the Hub's disk is not known before the
// Hub shows it.
func (rec HubRecord) knows(n uint64) bool { return n > 0 && n >= rec.Ticket }

// member is a Hub of the Space, here or away.
type member struct {
	space     *Space
	id        string
	admitting sync.Mutex // one decision at a time

	putting sync.Mutex // one change of the record at a time
	rev     records.Rev

	mu       sync.Mutex
	rec      HubRecord
	session  *session // nil while it is away
	load     json.RawMessage
	entities entities
	lag      link.Lag // of what it has for the Space
	seen     time.Time
	removed  bool
	banned   time.Time // until then it is refused
	breaches int
	changed  chan struct{} // closed when what it wants may have changed; nil: nobody waits

	asks, clones, comes, goes calm // what is told of them

	out  *replica.Outbound // Topics on their way to it
	uses uses              // the other ways it uses Topics
}

// entities is what a Hub says it has.
type entities = link.Entities

func newMember(s *Space, rec HubRecord, rev records.Rev) *member {
	m := &member{space: s, id: rec.ID, rec: rec, rev: rev}
	m.out = newOutbound(m)
	return m
}

// Record is a copy of what is remembered.
func (m *member) Record() HubRecord {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rec
}

func (m *member) sortName() string { return m.Record().Name }

// change changes the record, on disk first.
func (m *member) change(ctx context.Context, f func(*HubRecord) error) error {
	m.putting.Lock()
	defer m.putting.Unlock()
	m.mu.Lock()
	rec, removed := m.rec, m.removed
	m.mu.Unlock()
	if removed {
		return errRemoved
	}
	if err := f(&rec); err != nil {
		return err
	}
	rev, err := m.space.hubs.Put(ctx, m.id, rec)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rec, m.rev = rec, rev
	return nil
}

var errRemoved = errors.New("the Hub was removed")

// shown notes that a Hub has this ticket: those of before are worth nothing, and
// neither is the token it joined with.
func (m *member) shown(ctx context.Context, n uint64) error {
	if m.Record().Joining {
		if err := m.space.spend(ctx, m.id); err != nil {
			return err
		}
	}
	return m.change(ctx, func(r *HubRecord) error {
		if n >= r.Ticket {
			r.Ticket, r.Joining = n, false
		}
		if r.Pending <= n {
			r.Pending = 0
		}
		return nil
	})
}

// current is the session, nil while the Hub is away.
func (m *member) current() *session {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.session
}

// tellSettings tells a Hub that is there what it is called now. It does not wait.
// Whoever is the last to speak says the newest.
func (m *member) tellSettings() {
	c := m.current()
	if c == nil {
		return
	}
	if c.tellers.Add(1) > 2 { // one speaks, and one that waits will say all
		c.tellers.Add(-1)
		return
	}
	go func() {
		defer c.tellers.Add(-1)
		c.telling.Lock()
		defer c.telling.Unlock()
		_ = c.Send(link.MessageSettings, m.Record().settings()) // the end of the session tells more
	}()
}

// notify sends a message to a Hub that is there. It does not wait; a Hub that
// takes none hears the first ones only.
func (m *member) notify(kind string, body any) {
	c := m.current()
	if c == nil {
		return
	}
	if c.notices.Add(1) > 8 {
		c.notices.Add(-1)
		return
	}
	go func() {
		defer c.notices.Add(-1)
		_ = c.Send(kind, body)
	}()
}
