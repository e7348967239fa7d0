package space

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strconv"
	"strings"
	"time"

	"waverider"
	"waverider/link"
)

// A ticket lets a Hub in once: each session gives the one for the next. So of
// two that have the same key, because a disk was copied, the second one is
// noticed: its ticket has been used. The Space signs tickets with a number, and
// thus knows those it gave before it was restored from a backup.
const ticketPurpose = "waverider ticket 1"

func (s *Space) ticket(hub string, n uint64) string {
	number := strconv.FormatUint(n, 10)
	return number + "." + base64.RawURLEncoding.EncodeToString(s.cfg.Key.Sign(ticketPurpose, []byte(hub), []byte(number)))
}

// readTicket is the number of a ticket that this Space has given to a Hub.
func (s *Space) readTicket(hub, text string) (uint64, bool) {
	number, sign, _ := strings.Cut(text, ".")
	n, err := strconv.ParseUint(number, 10, 64)
	raw, err2 := base64.RawURLEncoding.DecodeString(sign)
	if err != nil || err2 != nil || !s.cfg.Key.PublicKey().Signed(raw, ticketPurpose, []byte(hub), []byte(number)) {
		return 0, false
	}
	return n, true
}

// admit decides about a Hub that has proved to have its key.
func (s *Space) admit(ctx context.Context, a link.Applicant) (link.Welcome, error) {
	s.joining.Lock()
	m := s.member(a.ID)
	if err := m.ban(a); err != nil {
		s.joining.Unlock()
		return link.Welcome{}, err
	}
	if m == nil || a.Hello.Join != "" && !m.lets(s, a) {
		defer s.joining.Unlock()
		return s.join(ctx, m, a)
	}
	s.joining.Unlock()
	return m.admit(ctx, a)
}

// ban refuses a Hub that broke the rules a short while ago.
func (m *member) ban(a link.Applicant) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	until, name := m.banned, m.rec.Name
	m.mu.Unlock()
	if !time.Now().Before(until) {
		return nil
	}
	m.space.audit.refuse(auditRecord{Hub: m.id, Name: name, Remote: a.Remote, Detail: "broke the rules"})
	return waverider.Errorf(waverider.Forbidden, "Hub %s broke the rules of the Link and is not let in before %s: is it a Waverider of a version that fits the Space's?",
		name, until.UTC().Format(time.RFC3339))
}

// lets tells that a ticket is good, so that no token is needed.
func (m *member) lets(s *Space, a link.Applicant) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, ok := s.readTicket(m.id, a.Hello.Ticket)
	return ok && !m.rec.Revoked && m.rec.knows(n)
}

// join takes a Hub in that has a token, one that was known before too.
func (s *Space) join(ctx context.Context, m *member, a link.Applicant) (link.Welcome, error) {
	if a.Hello.Join == "" {
		s.audit.refuse(auditRecord{Hub: a.ID, Remote: a.Remote, Detail: "unknown"})
		return link.Welcome{}, waverider.Errorf(waverider.Forbidden,
			"Hub %s is not known to this Space, or was removed: make a token with \"waverider space token create\" and start the Hub with --join", a.ID)
	}
	token, err := s.redeem(ctx, a.Hello.Join, a.ID)
	if err != nil {
		s.audit.refuse(auditRecord{Hub: a.ID, Remote: a.Remote, Detail: "join token"})
		return link.Welcome{}, err
	}
	if m == nil {
		m = newMember(s, s.newRecord(a, token), 0)
	}
	err = m.change(ctx, func(r *HubRecord) error {
		r.Ticket = r.last() + 1 // nobody has this one: tickets of before are no good
		r.Pending = r.Ticket + 1
		r.JoinedWith, r.Joining, r.Revoked, r.Clone = token.ID, true, false, nil
		r.obey(token, s.freeName(token.Name, a.ID) == token.Name)
		return nil
	})
	if err != nil {
		return link.Welcome{}, err
	}
	rec := m.Record()
	s.mu.Lock()
	s.members[a.ID] = m
	s.mu.Unlock()
	s.audit.add(auditRecord{Action: "join", Hub: a.ID, Name: rec.Name, By: token.By, Remote: a.Remote, Detail: "token " + token.ID})
	s.log.Info("hub joined", "hub", a.ID, "name", rec.Name, "address", a.Remote, "token", token.ID)
	return m.welcome(rec)
}

// obey takes over what a token says of its Hub; what it does not say stays. The
// name is for one that is free.
func (rec *HubRecord) obey(token TokenRecord, free bool) {
	if token.Name != "" && free {
		rec.Name = token.Name
	}
	if token.Domain != "" {
		rec.Domain = token.Domain
	}
	labels := map[string]string{}
	maps.Copy(labels, rec.Labels)
	maps.Copy(labels, token.Labels)
	if len(labels) > maxLabels { // of the token's, all
		labels = maps.Clone(token.Labels)
	}
	rec.Labels = labels
}

// newRecord is what is known at first of a Hub that joins.
func (s *Space) newRecord(a link.Applicant, token TokenRecord) HubRecord {
	now := time.Now()
	wish := token.Name
	if wish == "" {
		wish = a.Hello.Name
	}
	rec := HubRecord{ID: a.ID, Key: a.Key.String(), Joined: now, Name: s.freeName(wish, a.ID), Domain: token.Domain, Labels: map[string]string{},
		// Past all that a Hub of this id had before it was removed.
		Ticket: uint64(now.UnixMilli())}
	if checkLabels(a.Hello.Labels) == nil {
		maps.Copy(rec.Labels, a.Hello.Labels)
	}
	maps.Copy(rec.Labels, token.Labels)
	return rec
}

var errStale = errors.New("the ticket has been used")

// admit lets a known Hub in by its ticket.
func (m *member) admit(ctx context.Context, a link.Applicant) (link.Welcome, error) {
	s := m.space
	m.admitting.Lock()
	defer m.admitting.Unlock()
	if m.lives(ctx, a) {
		return link.Welcome{}, m.noticeClone(ctx, a)
	}
	n, ok := s.readTicket(m.id, a.Hello.Ticket)
	if rec := m.Record(); rec.Joining && ok && rec.knows(n) {
		if err := s.spend(ctx, m.id); err != nil {
			return link.Welcome{}, err
		}
	}
	var rec HubRecord
	var newer bool
	err := m.change(ctx, func(r *HubRecord) error {
		switch {
		case r.Revoked:
			return waverider.Errorf(waverider.Forbidden, "Hub %s was revoked: ask who runs the Space", r.Name)
		case !ok || !r.knows(n):
			return errStale
		}
		newer = n > r.last()
		r.Ticket, r.Pending, r.Joining = n, max(r.last(), n)+1, false
		rec = *r
		return nil
	})
	switch {
	case errors.Is(err, errStale):
		return link.Welcome{}, m.noticeClone(ctx, a)
	case waverider.KindOf(err) == waverider.Forbidden:
		s.audit.refuse(auditRecord{Hub: m.id, Name: m.Record().Name, Remote: a.Remote, Detail: "revoked"})
		return link.Welcome{}, err
	case err != nil:
		return link.Welcome{}, err
	case newer:
		s.log.Warn("a Hub has a newer ticket than this Space remembers: was the Space restored from a backup?", "hub", m.id, "name", rec.Name)
	}
	return m.welcome(rec)
}

// aliveWithin is the time that a Hub has to show that it is still here when
// another process comes with its identity.
const aliveWithin = 4 * time.Second

// lives tells that the Hub is here, and that who comes is another process with
// its key: a copy, whatever ticket it has. A Hub that was started anew is not
// here any more.
func (m *member) lives(ctx context.Context, a link.Applicant) bool {
	c := m.current()
	if c == nil || c.hubRun == "" || c.hubRun == a.Hello.Run {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, aliveWithin)
	defer cancel()
	return c.Alive(ctx)
}

// noticeClone refuses a Hub whose ticket was used, and tells all who should know.
func (m *member) noticeClone(ctx context.Context, a link.Applicant) error {
	rec := m.Record()
	if m.space.audit.tell(&m.clones, auditRecord{Action: "clone", Hub: m.id, Name: rec.Name, Remote: a.Remote}) {
		m.tellClone(ctx, a)
	}
	return waverider.Errorf(waverider.Conflict, "the identity of this Hub is used by another one (last seen at %s): its data dir was copied, or is an old copy. "+
		"To make this a Hub of its own remove identity.key and space.json from its data dir, and join with a new token. "+
		"To go on with this copy instead of the other, join with a new token as it is", rec.Remote)
}

// tellClone writes a clone down and tells of it.
func (m *member) tellClone(ctx context.Context, a link.Applicant) {
	s := m.space
	err := m.change(ctx, func(r *HubRecord) error {
		r.Clone = &CloneNotice{At: time.Now(), Remote: a.Remote, Name: shortText(a.Hello.Name)}
		return nil
	})
	if err != nil {
		s.log.Error("clone not written down", "hub", m.id, "err", err)
	}
	rec := m.Record()
	s.log.Error("two Hubs use one identity: the second was refused", "hub", m.id, "name", rec.Name, "address", a.Remote, "first", rec.Remote)
	m.notify(link.MessageNotice, link.Notice{Kind: "clone", Message: "another Hub with the identity of this one asked to be let in from " + a.Remote +
		", and was refused. Was the data dir copied? If the other one should be the Hub, revoke this one in the Space"})
}

// settings is what a Hub is told about itself.
func (rec HubRecord) settings() link.Settings {
	return link.Settings{Name: rec.Name, Labels: rec.Labels, Domain: rec.Domain}
}

func (m *member) welcome(rec HubRecord) (link.Welcome, error) {
	more, err := json.Marshal(rec.settings())
	return link.Welcome{Ticket: m.space.ticket(m.id, rec.Pending), Space: m.space.name(), More: more}, err
}
