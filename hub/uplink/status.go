package uplink

import (
	"errors"
	"time"

	"waverider"
	"waverider/link"
	"waverider/link/replica"
)

// Status is the Link as it is shown.
type Status struct {
	State   string            `json:"state"` // connected, connecting or refused
	Space   string            `json:"space,omitempty"`
	Name    string            `json:"name,omitempty"` // of the Space
	URL     string            `json:"url,omitempty"`
	As      string            `json:"as,omitempty"` // name of this Hub there
	Labels  map[string]string `json:"labels,omitempty"`
	Since   time.Time         `json:"since"`
	RTT     float64           `json:"rttMs,omitempty"` // milliseconds
	Up      *replica.Total    `json:"up,omitempty"`    // records that go to the Space; lag is what it does not have yet
	Down    *replica.Total    `json:"down,omitempty"`  // records that come from it
	Problem string            `json:"problem,omitempty"`
	Notice  string            `json:"notice,omitempty"` // what the Space said last to the people of this Hub

	Requests []waverider.TopicRequest `json:"requests,omitempty"` // what it is asked for, and what it refused of late
}

// Status tells how the Link is now.
func (u *Uplink) Status() any {
	s := u.status()
	s.Requests = u.requests.list()
	if u.share != nil {
		up, down := u.totals()
		s.Up, s.Down = &up, &down
	}
	return s
}

func (u *Uplink) status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := Status{State: "connecting", Since: u.since, URL: u.cfg.URL, Notice: u.notice}
	if m := u.memory; m != nil {
		s.Space, s.Name, s.As, s.Labels = m.Space, m.Name, m.Settings.Name, m.Settings.Labels
		if s.URL == "" {
			s.URL = m.URL
		}
	}
	var r *link.Refused
	var damage *damaged
	switch {
	case u.session != nil:
		s.State = "connected"
		s.RTT = float64(u.session.RTT().Microseconds()) / 1000
	case errors.As(u.problem, &r) && (r.Kind == waverider.Forbidden || r.Kind == waverider.Conflict):
		s.State, s.Problem = "refused", r.Message
	case errors.As(u.problem, &damage):
		s.State, s.Problem = "refused", damage.Error()
	case u.problem != nil:
		s.Problem = u.problem.Error()
	}
	return s
}
