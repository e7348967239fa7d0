package space

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"waverider"
	"waverider/link"
	"waverider/link/replica"
	"waverider/topic"
)

// readerExpires is how long a Hub that is away holds Topics of the Space.
const readerExpires = 7 * 24 * time.Hour

// far is what stands for the Hub in the Topics of the Space.
func (m *member) far() string { return farOf(m.id) }

func farOf(hub string) string { return topic.FarHub + hub }

// may says whether a Hub may write and read a Topic: those that have an owner
// are for Hubs of that domain only.
func (m *member) may(name waverider.TopicName) error {
	t, err := m.space.cfg.Topics.Topic(name)
	if err != nil {
		return nil // it is made by who writes first
	}
	cfg := t.Config()
	if rec := m.Record(); cfg.Owner != "" && cfg.Owner != rec.Domain {
		return waverider.Errorf(waverider.Forbidden, "Topic %s belongs to %s, Hub %s to %s", name, cfg.Owner, rec.Name, orNone(rec.Domain))
	}
	if cfg.Scope == waverider.ScopeHub {
		return waverider.Errorf(waverider.Forbidden, "Topic %s is of the Space alone; promote it there", name)
	}
	return nil
}

func orNone(domain string) string {
	if domain == "" {
		return "no domain"
	}
	return domain
}

// makes takes away an owner that the Hub cannot give: of Topics that are there it
// may not either.
func (m *member) makes(cfg *waverider.TopicConfig) {
	if domain := m.Record().Domain; cfg.Owner != "" && cfg.Owner != domain {
		m.space.log.Warn("a hub makes a topic for another domain; it gets the hub's", "hub", m.id, "topic", cfg.Name, "owner", cfg.Owner, "domain", domain)
		cfg.Owner = domain
	}
}

// takeTopic receives the records of one Topic of the Hub.
func (c *session) takeTopic(ctx context.Context, st *link.Stream) {
	m := c.member
	while, use, done := m.uses.begin(ctx, "")
	defer done()
	allow := func(name waverider.TopicName) error {
		m.uses.name(use, name)
		err := m.may(name)
		if err != nil {
			m.uses.name(use, "") // it ends with words
		}
		return err
	}
	err := m.space.receiver.Serve(while, st, replica.Peer{Producer: m.far(), Name: m.Record().Name, Allow: allow, Make: m.makes})
	var breach *replica.Breach
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.As(err, &breach):
		_ = c.breach(breach.What)
	default:
		m.space.log.Debug("topic of a hub not taken", "hub", m.id, "err", err)
	}
}

// sendTopics sends the Topics that the Hub reads, until the session ends.
func (c *session) sendTopics(ctx context.Context) {
	var watch sync.WaitGroup
	defer watch.Wait()
	watch.Go(func() {
		for ctx.Err() == nil {
			changes := c.member.space.cfg.Topics.Changes()
			c.member.rightsChanged()
			select {
			case <-changes:
			case <-ctx.Done():
			}
		}
	})
	_ = c.member.out.Run(ctx, func(ctx context.Context) (net.Conn, error) { return c.Open(ctx, link.KindTopic) })
}

// newOutbound is how Topics go to a Hub, in all its sessions.
func newOutbound(m *member) *replica.Outbound {
	return &replica.Outbound{Store: m.space.cfg.Topics, Log: m.space.log,
		Send:   replica.SendOptions{Reader: m.far(), Skip: m.far(), Expire: readerExpires},
		Topics: m.wanted, Changes: m.changes}
}

// wanted is the Topics that the Hub reads and may.
func (m *member) wanted() []waverider.TopicName {
	reads := m.Record().Reads
	names := make([]waverider.TopicName, 0, len(reads))
	for _, name := range reads {
		if n := waverider.TopicName(name); m.may(n) == nil {
			names = append(names, n)
		}
	}
	return names
}

// changes is closed when what is wanted may be another.
func (m *member) changes() <-chan struct{} {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed == nil {
		m.changed = make(chan struct{})
	}
	return m.changed
}

// touch closes what changes answered.
func (m *member) touch() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.changed != nil {
		close(m.changed)
		m.changed = nil
	}
}

// forgetReads lets go of what the Hub does not want any more.
func (m *member) forgetReads(before, now []string) {
	var gone []waverider.TopicName
	for _, name := range before {
		if _, stays := slices.BinarySearch(now, name); !stays { // they are sorted
			gone = append(gone, waverider.TopicName(name))
		}
	}
	m.space.letting.add(m.id, gone)
}

// received is what came from each Hub in the time of this process, by what stands
// for it.
func (s *Space) received() map[string][]replica.Stats {
	by := map[string][]replica.Stats{}
	for _, t := range s.receiver.Stats() {
		by[t.Peer] = append(by[t.Peer], t)
	}
	return by
}

// totals is what came from the Hub, of what received says, and went to it.
func (m *member) totals(by map[string][]replica.Stats) (received, sent replica.Total) {
	return replica.Sum(by[m.far()]), replica.Sum(m.out.Stats())
}
