package space

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/link"
	"waverider/wire"
)

// session is a Hub that is here.
type session struct {
	*link.Session
	member *member
	proxy  *proxy
	gone   chan struct{} // closed when all of it has ended
	build  string
	hubRun string // drawn by the process of the Hub

	tasks    sync.WaitGroup // run waits for them
	leaves   bool           // the Hub has said so
	overRead bool           // it was told that it wants too much

	telling sync.Mutex // settings
	tellers atomic.Int32
	notices atomic.Int32

	listed  chan struct{}     // holds one when the Hub has said what it has
	facting sync.Mutex        // one tells of Topics at a time
	told    map[string]uint64 // what was told of Topics: a sum of it
}

// banned is how long a Hub is refused after it broke the rules of the Link.
const banned = 30 * time.Second

// serve runs the session of a Hub that was let in. An older one of the same Hub
// ends first: two must not write its Topics at once.
func (s *Space) serve(ctx context.Context, ls *link.Session, a link.Applicant) error {
	m := s.member(a.ID)
	if m == nil {
		return errRemoved
	}
	c := &session{Session: ls, member: m, gone: make(chan struct{}), listed: make(chan struct{}, 1), hubRun: a.Hello.Run, build: shortText(a.Hello.Build)}
	c.proxy = newProxy(c)
	defer close(c.gone)
	if err := m.attach(ctx, c, a); err != nil {
		return err
	}
	level := slog.LevelDebug
	if s.audit.tell(&m.comes, auditRecord{Action: "connect", Hub: m.id, Name: m.Record().Name, Remote: a.Remote}) {
		level = slog.LevelInfo
	}
	s.log.Log(ctx, level, "hub connected", "hub", m.id, "name", m.Record().Name, "address", a.Remote, "build", a.Hello.Build, "direct", a.Direct)
	err := c.run(ctx)
	if b := (*link.Breach)(nil); errors.As(err, &b) {
		err = c.breach(b.What)
	}
	m.detach(context.WithoutCancel(ctx), c, err)
	return err
}

// attach makes c the session of the Hub.
func (m *member) attach(ctx context.Context, c *session, a link.Applicant) error {
	for {
		m.mu.Lock()
		old := m.session
		switch {
		case m.removed || m.rec.Revoked:
			m.mu.Unlock()
			return errRemoved
		case old == nil:
			m.session, m.seen = c, time.Now()
			m.mu.Unlock()
			err := m.change(ctx, func(r *HubRecord) error {
				r.Connected, r.Remote, r.Build = time.Now(), a.Remote, c.build
				return nil
			})
			if err != nil {
				m.mu.Lock()
				m.session = nil // of c: another one waits for its end
				m.mu.Unlock()
			}
			return err
		}
		m.mu.Unlock()
		if ticketOf(old) > ticketOf(c) { // it was let in later, and is only quicker
			return errReplaced
		}
		old.Close(errReplaced)
		select {
		case <-old.gone:
		case <-c.Done():
			return context.Cause(c.Context())
		case <-c.Lost():
			return errors.New("the Hub has left before its last session had ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ticketOf is the number of the ticket that a session has given.
func ticketOf(c *session) uint64 {
	number, _, _ := strings.Cut(c.Welcome.Ticket, ".")
	n, _ := strconv.ParseUint(number, 10, 64) // ours
	return n
}

var errReplaced = errors.New("the Hub has come by another connection")

func (m *member) detach(ctx context.Context, c *session, why error) {
	m.mu.Lock()
	if m.session == c {
		m.session = nil
	}
	m.seen = time.Now()
	m.mu.Unlock()
	name := m.Record().Name
	reason := "ended"
	if why != nil {
		reason = why.Error()
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := m.change(ctx, func(r *HubRecord) error {
		r.Disconnected, r.DisconnectReason = time.Now(), reason
		return nil
	})
	if err != nil && !errors.Is(err, errRemoved) {
		m.space.log.Debug("end of a session not written down", "hub", m.id, "err", err)
	}
	level := slog.LevelDebug
	if m.space.audit.tell(&m.goes, auditRecord{Action: "disconnect", Hub: m.id, Name: name, Remote: c.Remote, Detail: reason}) {
		level = slog.LevelInfo
	}
	m.space.log.Log(ctx, level, "hub disconnected", "hub", m.id, "name", name, "why", reason)
}

// serve answers what the Hub asks.
func (c *session) serve(l net.Listener) {
	s := c.member.space
	server := &wire.Server{Log: s.log, Grace: time.Second, Limit: 256, Handler: s.forHubs.Serve(wire.Access{
		Gate: &auth.Gate{As: auth.Identity{Subject: c.member.id, Role: auth.RoleHub}}})}
	_ = server.Run(c.Context(), l) // its end is the session's
}

// run serves the session until it ends.
func (c *session) run(ctx context.Context) error {
	defer c.tasks.Wait()
	defer c.proxy.close()
	c.tasks.Go(func() { c.sendTopics(c.Context()) })
	c.tasks.Go(func() { c.shareFacts(c.Context()) })
	return c.Session.Run(ctx, link.Handlers{Topic: c.takeTopic, Message: c.hear, Serve: c.serve})
}

// hear takes a message of the Hub.
func (c *session) hear(msg link.Message) error {
	m := c.member
	ctx, cancel := context.WithTimeout(c.Context(), 10*time.Second)
	defer cancel()
	m.mu.Lock()
	m.seen = time.Now()
	m.mu.Unlock()
	switch msg.Type {
	case link.MessageConfirm:
		return c.confirm(ctx, msg)
	case link.MessageLoad:
		if len(msg.Body) > maxLoad || !isJSON(msg.Body, '{') {
			return &link.Breach{What: "its load is none"}
		}
		m.mu.Lock()
		m.load = slices.Clone(msg.Body)
		m.mu.Unlock()
	case link.MessageLag:
		var lag link.Lag
		if err := msg.Decode(&lag); err != nil {
			return err
		}
		m.mu.Lock()
		m.lag = lag
		m.mu.Unlock()
	case link.MessageEntities:
		var e link.Entities
		if err := msg.Decode(&e); err != nil {
			return err
		}
		for _, list := range []json.RawMessage{e.Sequences, e.Instances, e.Topics} {
			if len(list) > 0 && !isJSON(list, '[') {
				return &link.Breach{What: "what it has is no list"}
			}
		}
		m.mu.Lock()
		m.entities = e
		m.mu.Unlock()
		select {
		case c.listed <- struct{}{}:
		default:
		}
	case link.MessageAsk:
		return c.ask(ctx, msg)
	case link.MessageReads:
		return c.setReads(ctx, msg)
	case link.MessageLeave:
		c.leave()
	}
	return nil // of a later version
}

// leave removes the Hub, as it wishes.
func (c *session) leave() {
	if c.leaves {
		return
	}
	c.leaves = true
	m := c.member
	m.space.log.Info("hub leaves", "hub", m.id, "name", m.Record().Name)
	c.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), 10*time.Second)
		defer cancel()
		if err := m.space.remove(ctx, m, m.id, "it left"); err != nil {
			m.space.log.Error("a hub that leaves was not removed", "hub", m.id, "err", err)
		}
	})
}

// confirm makes the ticket of before worthless.
func (c *session) confirm(ctx context.Context, msg link.Message) error {
	var body link.Confirm
	if err := msg.Decode(&body); err != nil {
		return err
	}
	n, ok := c.member.space.readTicket(c.member.id, body.Ticket)
	if !ok {
		return &link.Breach{What: "it confirms a ticket that nobody gave it"}
	}
	return c.member.shown(ctx, n)
}

// Bounds of what a Hub may say.
const (
	maxReads = 10000
	maxLoad  = 64 << 10
)

// isJSON tells whether a value, which is known to be JSON, begins so.
func isJSON(raw json.RawMessage, first byte) bool { return len(raw) > 0 && raw[0] == first }

// shortText is what a Hub may say of itself where it is listed.
func shortText(text string) string {
	if len(text) > maxText {
		return text[:maxText]
	}
	return text
}

const maxText = 100

func (c *session) setReads(ctx context.Context, msg link.Message) error {
	var body link.Reads
	if err := msg.Decode(&body); err != nil {
		return err
	}
	for _, name := range body.Topics {
		if _, err := waverider.ParseTopicName(name); err != nil {
			return &link.Breach{What: "it wants a Topic that cannot be"}
		}
	}
	slices.Sort(body.Topics)
	body.Topics = slices.Compact(body.Topics)
	if n := len(body.Topics); n > maxReads {
		body.Topics = body.Topics[:maxReads]
		c.wantsTooMuch(n)
	} else {
		c.overRead = false
	}
	before := c.member.Record().Reads
	if slices.Equal(body.Topics, before) {
		return nil
	}
	if err := c.member.space.reads.save(ctx, c.member.id, body.Topics); err != nil {
		return err
	}
	if err := c.member.change(ctx, func(r *HubRecord) error { r.Reads = body.Topics; return nil }); err != nil {
		return err
	}
	c.member.touch()
	c.member.forgetReads(before, body.Topics)
	return nil
}

// wantsTooMuch tells people, once, that a Hub does not get all it reads.
func (c *session) wantsTooMuch(n int) {
	if c.overRead {
		return
	}
	c.overRead = true
	m := c.member
	m.space.log.Warn("a hub wants more topics than it is sent", "hub", m.id, "name", m.Record().Name, "wants", n, "most", maxReads)
	m.notify(link.MessageNotice, link.Notice{Kind: "invalid", Message: fmt.Sprintf("this Hub reads %d Topics of the Space, and is sent the first %d by name: the rest stays away. Have fewer of its programs and groups on it", n, maxReads)})
}

// breach is what a Hub has done that none of ours does: it is cut, and people
// are told.
func (c *session) breach(what string) error {
	m := c.member
	m.space.audit.add(auditRecord{Action: "breach", Hub: m.id, Name: m.Record().Name, Remote: c.Remote, Detail: what})
	m.space.log.Error("a Hub breaks the rules of the Link and was cut", "hub", m.id, "name", m.Record().Name, "address", c.Remote, "what", what)
	m.mu.Lock()
	m.banned = time.Now().Add(banned)
	m.breaches++
	m.mu.Unlock()
	err := fmt.Errorf("it broke the rules of the Link: %s", what)
	c.Close(err)
	return err
}
