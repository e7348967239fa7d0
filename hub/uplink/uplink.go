package uplink

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/link"
	"waverider/topic"
)

// Config is what the Hub's end of the Link needs to know.
type Config struct {
	Path  string // of the file that remembers the Space
	Asks  string // of the file that keeps what the Space is asked for
	Key   *auth.Key
	URL   string         // of the Space; empty: the one that is remembered, if any
	Join  string         // join token; empty: none
	Roots *x509.CertPool // of the Space's certificate; nil: the system's
	Build string
	Name  string // the Hub would like

	Topics *topic.Store // nil: none
	Log    *slog.Logger
}

// Core is what the Hub does with what comes over the Link.
type Core struct {
	API      func(gate *auth.Gate) http.Handler // the Hub's own
	Load     func() (any, error)
	Entities func() (sequences, instances, topics any, err error)
	Audit    func(action, topic, by, detail string) // writes down what came to pass
}

// Uplink is a Hub's relation to its Space.
type Uplink struct {
	cfg   Config
	log   *slog.Logger
	run   string // of this process
	core  Core
	share *share          // nil: no Topics
	join  *link.JoinToken // to be used; nil: none

	now    chan struct{} // wakes the dialing
	reads  chan struct{} // holds one when somebody began to read
	joined chan struct{} // holds one when a Space was joined

	requests *requests
	answers  chan link.Answer // holds one that askSpace waits for

	readsRoom             int  // bytes that the names of a link.Reads may take
	readsCut, entitiesCut bool // that a message has no room for all is said; for report

	mu      sync.Mutex
	memory  *memory // nil: none was joined
	session *link.Session
	caller  *caller   // with session
	since   time.Time // of the state
	problem error     // of the last try
	notice  string    // the Space's last
}

// Open reads what is remembered. An Uplink without a Space is none: nil.
func Open(cfg Config) (*Uplink, error) {
	m, err := readMemory(cfg.Path)
	var damage *damaged
	if err != nil && !errors.As(err, &damage) {
		return nil, err
	}
	u := &Uplink{cfg: cfg, run: rand.Text(), log: cfg.Log, memory: m, now: make(chan struct{}, 1), reads: make(chan struct{}, 1), joined: make(chan struct{}, 1), answers: make(chan link.Answer, 1), since: time.Now(),
		readsRoom: link.BodyMost - len(`{"topics":}`)}
	if cfg.Join != "" {
		token, err := link.ParseJoinToken(cfg.Join)
		if err != nil {
			return nil, err
		}
		// A token that was used stays where it is written down: it means nothing then.
		if m == nil || m.JoinedWith != token.ID {
			u.join = &token
		}
	}
	switch {
	case damage != nil && (u.join == nil || cfg.URL == ""):
		u.join, u.problem = nil, damage // a Hub works without its Space
		u.log.Error("what is known of the Space cannot be read; the Hub works on without it", "err", damage)
	case u.join != nil && cfg.URL == "" && m != nil && m.Space != u.join.Space:
		return nil, waverider.Errorf(waverider.Invalid, "the join token is of another Space than the one this Hub knows (%s at %s): add --space URL, also when the address is the same", m.Space, m.URL)
	case u.join != nil && cfg.URL == "" && m == nil:
		return nil, waverider.Errorf(waverider.Invalid, "--join needs --space URL, the address of the Space")
	case u.join == nil && m == nil && cfg.URL != "":
		return nil, waverider.Errorf(waverider.Invalid, "this Hub has not joined a Space yet: add --join TOKEN, made with \"waverider space token create\"")
	case u.join == nil && m == nil:
		return nil, nil
	}
	if cfg.URL != "" {
		if _, err := link.ParseURL(cfg.URL); err != nil {
			return nil, waverider.Errorf(waverider.Invalid, "%v", err)
		}
	}
	if u.requests, err = openRequests(cfg.Asks); err != nil {
		u.log.Error("what the Space was to be asked for is lost", "err", err)
	}
	if cfg.Topics != nil {
		u.share = newShare(u)
	}
	if m != nil || damage != nil {
		u.shareNew()
	}
	return u, nil
}

// Attach tells what the Hub does, before Run.
func (u *Uplink) Attach(c Core) {
	if u != nil {
		u.core = c
	}
}

// Run keeps the Hub linked until ctx ends.
func (u *Uplink) Run(ctx context.Context) error {
	if u == nil {
		<-ctx.Done()
		return nil
	}
	u.auditWaiting()
	defer u.background(ctx)()
	if u.join == nil && !u.Joined() {
		<-ctx.Done()
		return nil
	}
	link.Keep(ctx, u.now, u.dial, u.serve, u.ended)
	return nil
}

// Joined tells that there is a Space, whether it can be reached or not.
func (u *Uplink) Joined() bool {
	if u == nil {
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.memory != nil
}

func (u *Uplink) dial(ctx context.Context) (*link.Session, error) {
	u.mu.Lock()
	var known memory
	if u.memory != nil {
		known = *u.memory
	}
	u.mu.Unlock()
	d := &link.Dialer{URL: known.URL, Space: known.Space, Key: u.cfg.Key, Log: u.log,
		Trust: link.Trust{Pin: known.Pin, Seen: known.Seen, Roots: u.cfg.Roots}}
	if u.cfg.URL != "" {
		d.URL = u.cfg.URL
	}
	hello := link.Hello{Name: u.cfg.Name, Build: u.cfg.Build, Ticket: known.Ticket, Run: u.run}
	if u.join != nil {
		hello.Join = u.join.Answer()
		if u.join.Space != known.Space {
			hello.Ticket = ""
		}
		d.Space, d.Trust.Pin = u.join.Space, u.join.Pin
	}
	pin := ""
	s, err := d.Dial(ctx, func(saw string) link.Hello { pin = saw; return hello })
	if err != nil {
		return nil, err
	}
	if err := u.keep(s, d, pin); err != nil {
		s.Close(err)
		return nil, err
	}
	return s, nil
}

// keep writes down what the Space said, before it is confirmed: a Hub that dies
// between is let in by the ticket of before.
func (u *Uplink) keep(s *link.Session, d *link.Dialer, pin string) error {
	m := &memory{URL: d.URL, Space: d.Space, Name: s.Welcome.Space, Ticket: s.Welcome.Ticket, Pin: d.Trust.Pin, Seen: pin}
	if err := json.Unmarshal(s.Welcome.More, &m.Settings); err != nil {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	first := u.memory == nil || u.memory.Space != m.Space
	var before link.Settings
	if u.memory != nil {
		m.JoinedWith = u.memory.JoinedWith
	}
	if !first {
		before = u.memory.Settings
	}
	if u.join != nil {
		m.JoinedWith = u.join.ID
	}
	if err := m.write(u.cfg.Path); err != nil {
		if first || u.join != nil {
			return err
		}
		// Without its Space a full disk would never be free again. The ticket of
		// before is good until this one is confirmed.
		u.log.Warn("the ticket of the Space is not on disk; that of before is kept", "err", err)
		m.Ticket = u.memory.Ticket
	}
	if first || u.join != nil {
		u.log.Info("space joined", "space", m.Space, "name", m.Name, "as", m.Settings.Name, "url", m.URL)
		u.audit("join", "", "", "space "+m.Space+" at "+m.URL)
	}
	u.auditSettings(before, m.Settings)
	u.memory, u.join = m, nil
	if first {
		select {
		case u.joined <- struct{}{}:
		default:
		}
	}
	u.shareNew()
	return nil
}

// ended hears why there is no session.
func (u *Uplink) ended(err error) {
	u.mu.Lock()
	same := u.problem != nil && err != nil && u.problem.Error() == err.Error()
	had := u.session != nil
	if had || u.problem == nil {
		u.since = time.Now()
	}
	u.session, u.caller, u.problem = nil, nil, err
	u.mu.Unlock()
	var r *link.Refused
	switch {
	case same && !had:
	case errors.As(err, &r):
		u.log.Error("the Space does not let this Hub in", "why", r.Message)
		u.audit("refuse", "", bySpace, r.Message)
	case had:
		u.log.Warn("space lost; the Hub works on without it", "why", err)
		u.audit("disconnect", "", "", fmt.Sprint(err))
	default:
		u.log.Warn("space not reached; the Hub works on without it", "why", err)
	}
}

// settle takes what the Space decides about the Hub.
func (u *Uplink) settle(s link.Settings) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.memory == nil {
		return
	}
	m := *u.memory
	u.auditSettings(m.Settings, s)
	m.Settings = s
	if err := m.write(u.cfg.Path); err != nil { // the Space says them at each session
		u.log.Warn("the settings of the Space are not on disk", "err", err)
	}
	u.memory = &m
	u.log.Info("the Space changed this Hub", "name", s.Name, "labels", s.Labels)
}
