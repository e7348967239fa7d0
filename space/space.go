package space

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/lastlines"
	"waverider/link"
	"waverider/link/replica"
	"waverider/records"
	"waverider/topic"
	"waverider/wire"
)

// Config is what a Space needs to know.
type Config struct {
	Key     *auth.Key
	Name    string // for people, and for paths; default: the key's id
	Build   string
	Records *records.Store
	Topics  *topic.Store
	DataDir string // to look at its disk

	TLSPin string // of the certificate the Space made itself, for join tokens
	Pinned bool   // Hubs are to know the certificate by TLSPin: no authority vouches for it

	Effective any
	Log       *slog.Logger
	Lines     *lastlines.Ring
}

// Space is one running Space. Open makes it, Run leads it.
type Space struct {
	cfg      Config
	log      *slog.Logger
	id       string
	started  time.Time
	hubs     *records.Collection[HubRecord]
	tokens   *records.Collection[TokenRecord]
	reads    reads
	acceptor *link.Acceptor
	forHubs  *wire.Mux // what they may ask
	receiver *replica.Receiver
	audit    *auditLog
	letting  *letting

	joining sync.Mutex // one Hub joins at a time: names are given then

	mu      sync.Mutex
	members map[string]*member // by id
}

// Open reads what the Space remembers.
func Open(ctx context.Context, cfg Config) (*Space, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Lines == nil {
		cfg.Lines = lastlines.New(0)
	}
	s := &Space{cfg: cfg, log: cfg.Log, id: cfg.Key.ID(), started: time.Now(), members: map[string]*member{}, audit: newAuditLog(), letting: newLetting(),
		hubs: records.Of[HubRecord](cfg.Records, "hubs"), tokens: records.Of[TokenRecord](cfg.Records, "tokens"),
		reads: reads{records.Of[[]string](cfg.Records, "reads")}}
	s.receiver = replica.NewReceiver(cfg.Topics, replica.ReceiverOptions{Log: cfg.Log})
	s.forHubs = s.hubMux()
	s.acceptor = &link.Acceptor{Key: cfg.Key, Build: cfg.Build, TLSPin: cfg.TLSPin, Log: cfg.Log, Admit: s.admit, Serve: s.serve}
	cfg.Topics.SetDefaultScope(waverider.ScopeSpace)
	list, err := s.hubs.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the Hubs: %w", err)
	}
	wanted, err := s.reads.load(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what the Hubs read: %w", err)
	}
	for _, item := range list {
		item.Value.Reads = wanted[item.Key]
		s.members[item.Key] = newMember(s, item.Value, item.Rev)
	}
	return s, nil
}

// ID names the Space: its key's hash.
func (s *Space) ID() string { return s.id }

// name is for people.
func (s *Space) name() string {
	if s.cfg.Name != "" {
		return s.cfg.Name
	}
	return s.id
}

// Run does what comes up from time to time until ctx ends, and returns when no
// Hub is here any more: their sessions end with the server they came to.
func (s *Space) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer s.acceptor.Wait()
	tasks.Go(func() { s.letGo(ctx) })
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.dropOldTokens(ctx, time.Now())
		}
	}
}

// list is all members, by name.
func (s *Space) list() []*member {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*member, 0, len(s.members))
	for _, m := range s.members {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *member) int {
		return strings.Compare(a.sortName()+"\x00"+a.id, b.sortName()+"\x00"+b.id)
	})
	return all
}

func (s *Space) member(id string) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.members[id]
}

// Lookup finds a Hub: by exact id, then name, then a unique prefix of the id of
// 4 or more characters.
func (s *Space) lookup(ref string) (*member, error) {
	if m := s.member(ref); m != nil {
		return m, nil
	}
	var found []*member
	for _, m := range s.list() {
		if m.Record().Name == ref {
			return m, nil
		}
		if len(ref) >= 4 && strings.HasPrefix(m.id, ref) {
			found = append(found, m)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, waverider.Errorf(waverider.NotFound, "STH with a given ID was not found: there is no Hub %.64q in this Space", ref)
	}
	ids := make([]string, len(found))
	for i, m := range found {
		ids[i] = m.id
	}
	return nil, &waverider.Error{Kind: waverider.Conflict, Message: fmt.Sprintf("%.64q is the beginning of several Hubs: %s", ref, strings.Join(ids, ", ")),
		Detail: map[string]any{"candidates": ids}}
}

// isNotFound tells that there is no such record.
func isNotFound(err error) bool {
	var e *waverider.Error
	return errors.As(err, &e) && e.Kind == waverider.NotFound
}
