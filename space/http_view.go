package space

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"waverider"
	"waverider/link"
	"waverider/link/replica"
	"waverider/wire"
)

// hubView is a Hub as it is listed: Scramjet's fields first.
type hubView struct {
	ID                 string            `json:"id"`
	Info               hubTimes          `json:"info"`
	Healthy            bool              `json:"healthy"`
	SelfHosted         bool              `json:"selfHosted"`
	IsConnectionActive bool              `json:"isConnectionActive"`
	Description        string            `json:"description,omitempty"`
	Tags               []string          `json:"tags"`
	DisconnectReason   string            `json:"disconnectReason,omitempty"`
	Topics             json.RawMessage   `json:"topics"`
	Sequences          json.RawMessage   `json:"sequences"`
	Instances          json.RawMessage   `json:"instances"`
	Name               string            `json:"name"`
	Labels             map[string]string `json:"labels,omitempty"`
	Domain             string            `json:"domain,omitempty"`
	State              string            `json:"state"` // connected, away or revoked
	LastSeen           time.Time         `json:"lastSeen,omitzero"`
	Address            string            `json:"address,omitempty"`
	Build              string            `json:"build,omitempty"`
	Load               json.RawMessage   `json:"load,omitempty"`
	RTT                float64           `json:"rttMs,omitempty"` // milliseconds
	Lag                uint64            `json:"lag"`             // records that the Space does not have yet, as the Hub said last
	Missed             uint64            `json:"missed"`          // records that were gone before the Space or the Hub could have them
	Behind             uint64            `json:"behind"`          // records of the Space that the Hub does not have yet
	Clone              *CloneNotice      `json:"clone,omitempty"`
	Reads              []string          `json:"reads,omitempty"`
}

type hubTimes struct {
	Created          time.Time `json:"created"`
	LastConnected    time.Time `json:"lastConnected,omitzero"`
	LastDisconnected time.Time `json:"lastDisconnected,omitzero"`
}

func (m *member) view() hubView { return m.viewOf(m.space.received()) }

func (m *member) viewOf(by map[string][]replica.Stats) hubView {
	received, sent := m.totals(by)
	m.mu.Lock()
	defer m.mu.Unlock()
	rec := m.rec
	v := hubView{ID: rec.ID, Info: hubTimes{rec.Joined, rec.Connected, rec.Disconnected}, SelfHosted: true, Description: rec.Name,
		Topics: orEmpty(m.entities.Topics), Sequences: orEmpty(m.entities.Sequences), Instances: orEmpty(m.entities.Instances),
		Name: rec.Name, Labels: rec.Labels, Domain: rec.Domain, State: m.state(), LastSeen: m.seen, Address: rec.Remote, Build: rec.Build,
		Load: m.load, Lag: m.lag.Records, Missed: received.Missed + sent.Missed, Behind: sent.Lag, Clone: rec.Clone, Reads: rec.Reads, Tags: []string{}}
	for k, val := range rec.Labels {
		v.Tags = append(v.Tags, k+"="+val)
	}
	if m.session != nil {
		v.Healthy, v.IsConnectionActive = true, true
		v.RTT = float64(m.session.RTT().Microseconds()) / 1000
	} else {
		v.DisconnectReason = rec.DisconnectReason
		if v.LastSeen.IsZero() {
			v.LastSeen = rec.Disconnected
		}
	}
	return v
}

// state is a word for how it stands with the Hub; the caller holds mu.
func (m *member) state() string {
	switch {
	case m.session != nil:
		return "connected"
	case m.rec.Revoked:
		return "revoked"
	}
	return "away"
}

func orEmpty(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("[]")
	}
	return raw
}

// writeMetrics writes what is counted of one Hub.
func (m *member) writeMetrics(w io.Writer, by map[string][]replica.Stats) {
	m.mu.Lock()
	name, c, breaches, lag := m.rec.Name, m.session, m.breaches, m.lag.Records
	m.mu.Unlock()
	connected := 0
	if c != nil {
		connected = 1
		in, out := c.Traffic()
		fmt.Fprintf(w, "waverider_space_hub_received_bytes{hub=%q} %d\nwaverider_space_hub_sent_bytes{hub=%q} %d\nwaverider_space_hub_rtt_seconds{hub=%q} %g\n",
			name, in, name, out, name, c.RTT().Seconds())
	}
	received, sent := m.totals(by)
	for _, c := range []struct {
		name  string
		value uint64
	}{{"lag_records", lag}, {"received_records_total", received.Records}, {"received_missed_records_total", received.Missed},
		{"behind_records", sent.Lag}, {"sent_records_total", sent.Records}, {"resent_records_total", sent.Resent}, {"sent_missed_records_total", sent.Missed}} {
		fmt.Fprintf(w, "waverider_space_hub_%s{hub=%q} %d\n", c.name, name, c.value)
	}
	fmt.Fprintf(w, "waverider_space_hub_connected{hub=%q} %d\nwaverider_space_hub_breaches_total{hub=%q} %d\n", name, connected, name, breaches)
}

// end tells a Hub that it is cut for good, and cuts it: at once when it does not
// take the message.
func (m *member) end(kind, message string) {
	c := m.current()
	if c == nil {
		return
	}
	told := make(chan struct{})
	go func() {
		defer close(told)
		_ = c.Send(link.MessageEnd, link.Notice{Kind: kind, Message: message})
	}()
	select {
	case <-told:
		time.AfterFunc(endGrace, func() { c.Close(errors.New(message)) })
	case <-time.After(endGrace):
		c.Close(errors.New(message))
	}
}

// endGrace is the time a Hub has to read why it is cut.
const endGrace = 500 * time.Millisecond

// postDisconnect is Scramjet's way to cut Hubs: one by {"id"}, all by
// {"limit": 0}. They come back by themselves unless they are revoked.
func (s *Space) postDisconnect(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		ID    string `json:"id"`
		Limit *int   `json:"limit"`
	}
	if err := wire.ReadJSON(r, &req); err != nil {
		return err
	}
	var cut []*member
	switch {
	case req.ID != "":
		m, err := s.lookup(req.ID)
		if err != nil {
			return err
		}
		cut = []*member{m}
	case req.Limit != nil:
		here := slices.DeleteFunc(s.list(), func(m *member) bool { return m.current() == nil })
		if *req.Limit >= 0 && *req.Limit < len(here) {
			cut = here[*req.Limit:]
		}
	default:
		return waverider.Errorf(waverider.Invalid, `want {"id": HUB} or {"limit": N}, the number of Hubs that may stay`)
	}
	type gone struct {
		ID     string `json:"sthId"`
		Reason string `json:"reason"`
	}
	list := []gone{}
	for _, m := range cut {
		if c := m.current(); c != nil {
			c.Close(errors.New("disconnected by " + wire.IdentityOf(r).Subject))
			list = append(list, gone{m.id, "disconnected"})
		}
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]any{"managerId": s.id, "disconnected": list})
}
