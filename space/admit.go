package space

import (
	"context"
	"encoding/base64"
	"encoding/json"
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
	if m == nil || a.Hello.Join != "" && !m.lets(s, a) {
		defer s.joining.Unlock()
		return s.join(ctx, m, a)
	}
	s.joining.Unlock()
	return m.admit(ctx, a)
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
		s.audit.add(auditRecord{Action: "refuse", Hub: a.ID, Remote: a.Remote, Detail: "unknown"})
		return link.Welcome{}, waverider.Errorf(waverider.Forbidden,
			"Hub %s is not known to this Space, or was removed: make a token with \"waverider space token create\" and start the Hub with --join", a.ID)
	}
	token, err := s.redeem(ctx, a.Hello.Join, a.ID)
	if err != nil {
		s.audit.add(auditRecord{Action: "refuse", Hub: a.ID, Remote: a.Remote, Detail: "join token"})
		return link.Welcome{}, err
	}
	now := time.Now()
	rec := HubRecord{ID: a.ID, Key: a.Key.String(), Joined: now}
	if m != nil {
		rec = m.Record()
		rec.Revoked = false
	} else {
		wish := token.Name
		if wish == "" {
			wish = a.Hello.Name
		}
		rec.Name = s.freeName(wish, a.ID)
		rec.Domain = token.Domain
		rec.Labels = map[string]string{}
		if checkLabels(a.Hello.Labels) == nil {
			for k, v := range a.Hello.Labels {
				rec.Labels[k] = v
			}
		}
		for k, v := range token.Labels {
			rec.Labels[k] = v
		}
		m = newMember(s, rec, 0)
	}
	rec.JoinedWith = token.ID
	rec.Ticket = rec.last() + 1 // nobody has this one: tickets of before are no good
	rec.Pending = rec.Ticket + 1
	rec.Clone = nil
	if err := m.put(ctx, rec); err != nil {
		return link.Welcome{}, err
	}
	s.mu.Lock()
	s.members[a.ID] = m
	s.mu.Unlock()
	s.audit.add(auditRecord{Action: "join", Hub: a.ID, Name: rec.Name, By: token.By, Remote: a.Remote, Detail: "token " + token.ID})
	s.log.Info("hub joined", "hub", a.ID, "name", rec.Name, "address", a.Remote, "token", token.ID)
	return m.welcome(rec)
}

// admit lets a known Hub in by its ticket.
func (m *member) admit(ctx context.Context, a link.Applicant) (link.Welcome, error) {
	s := m.space
	m.admitting.Lock()
	defer m.admitting.Unlock()
	rec := m.Record()
	n, ok := s.readTicket(m.id, a.Hello.Ticket)
	switch {
	case rec.Revoked:
		s.audit.add(auditRecord{Action: "refuse", Hub: m.id, Name: rec.Name, Remote: a.Remote, Detail: "revoked"})
		return link.Welcome{}, waverider.Errorf(waverider.Forbidden, "Hub %s was revoked: ask who runs the Space", rec.Name)
	case !ok || !rec.knows(n):
		return link.Welcome{}, m.noticeClone(ctx, a)
	}
	if n > rec.last() {
		s.log.Warn("a Hub has a newer ticket than this Space remembers: was the Space restored from a backup?", "hub", m.id, "name", rec.Name)
		rec.Ticket = n
	}
	if n == rec.Pending {
		rec.Ticket = n
	}
	rec.Pending = max(rec.last(), n) + 1
	if err := m.put(ctx, rec); err != nil {
		return link.Welcome{}, err
	}
	return m.welcome(rec)
}

// noticeClone refuses a Hub whose ticket was used, and tells all who should know.
func (m *member) noticeClone(ctx context.Context, a link.Applicant) error {
	s := m.space
	rec := m.Record()
	rec.Clone = &CloneNotice{At: time.Now(), Remote: a.Remote, Name: a.Hello.Name}
	if err := m.put(ctx, rec); err != nil {
		s.log.Error("clone not written down", "hub", m.id, "err", err)
	}
	s.audit.add(auditRecord{Action: "clone", Hub: m.id, Name: rec.Name, Remote: a.Remote})
	s.log.Error("two Hubs use one identity: the second was refused", "hub", m.id, "name", rec.Name, "address", a.Remote, "first", rec.Remote)
	m.notify(link.MessageNotice, link.Notice{Kind: "clone", Message: "another Hub with the identity of this one asked to be let in from " + a.Remote +
		", and was refused. Was the data dir copied? If the other one should be the Hub, revoke this one in the Space"})
	return waverider.Errorf(waverider.Conflict, "the identity of this Hub is used by another one (last seen at %s): its data dir was copied, or is an old copy. "+
		"To make this a Hub of its own remove identity.key and space.json from its data dir, and join with a new token. "+
		"To go on with this copy instead of the other, join with a new token as it is", rec.Remote)
}

// settings is what a Hub is told about itself.
func (rec HubRecord) settings() link.Settings {
	return link.Settings{Name: rec.Name, Labels: rec.Labels, Domain: rec.Domain}
}

func (m *member) welcome(rec HubRecord) (link.Welcome, error) {
	more, err := json.Marshal(rec.settings())
	return link.Welcome{Ticket: m.space.ticket(m.id, rec.Pending), Space: m.space.name(), More: more}, err
}
