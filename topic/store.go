package topic

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/topic/ledger"
)

// Config is what a Store needs to know.
type Config struct {
	Dir      string   // folder of its own
	Hub      string   // id of the Hub: it numbers the records
	MaxStore int64    // bytes all Topics together may take; not used with a Bus
	Bus      *bus.Bus // where to store; it outlives the Store. nil: one of its own, in Dir
	MinFree  int64    // bytes of the disk left free; below, writes are refused
	Log      *slog.Logger
	Now      func() time.Time // the clock of the machine, which may be wrong and jump; nil: time.Now
	Patience time.Duration    // how long a memory Topic waits for a live reader that needs its oldest records; 0: 100 ms
}

// Store holds the Topics of one Hub. All methods are safe for concurrent use.
type Store struct {
	cfg    Config
	log    *slog.Logger
	bus    *bus.Bus
	ledger *ledger.Ledger
	origin uint64
	token  string // origin as part of a subject

	life  context.Context // ends with Close
	end   context.CancelFunc
	tasks sync.WaitGroup

	guard   *guard
	marks   marker
	cursors cursorKeeper
	revival revival

	incarnation atomic.Uint32 // the last one made

	mu      sync.Mutex
	topics  map[waverider.TopicName]*Topic
	lanes   map[string]*lane // by stream
	reading atomic.Int32     // Topics with live readers
	closed  bool
	scope   waverider.Scope // of Topics made without one; "" is hub
	holdFor string          // see HoldFor
	changed signal          // see Changes
}

// Streams that small Topics share.
const (
	streamSync  = "sync"
	streamAsync = "async"
)

// Open opens the Store in cfg.Dir, or makes it. What an unclean end or a
// damaged disk has taken is logged and noted with the Topics.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if cfg.Patience == 0 {
		cfg.Patience = readerPatience
	}
	path, streams := filepath.Join(cfg.Dir, "topics.db"), filepath.Join(cfg.Dir, "streams")
	if err := ledgerLost(ctx, cfg, path, streams); err != nil {
		return nil, err
	}
	l, err := ledger.Open(path)
	if err != nil {
		return nil, err
	}
	b := cfg.Bus
	if b == nil {
		b, err = bus.Open(ctx, bus.Config{Dir: streams, Hub: cfg.Hub, MaxStore: cfg.MaxStore, Log: cfg.Log})
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open Topic store: %w", err), l.Close())
	}
	s := &Store{cfg: cfg, log: cfg.Log, bus: b, ledger: l, topics: map[waverider.TopicName]*Topic{}, lanes: map[string]*lane{}}
	s.origin = originOf(cfg.Hub)
	s.token = fmt.Sprintf("%016x", s.origin)
	s.life, s.end = context.WithCancel(context.Background())
	s.marks.store, s.cursors.store = s, s
	s.guard = newGuard(cfg.Dir, cfg.MinFree, cfg.Log)
	if err := s.load(ctx); err != nil {
		s.end()
		return nil, errors.Join(err, s.closeBus(), l.Close())
	}
	s.tasks.Go(func() { s.guard.run(s.life) })
	s.tasks.Go(func() { s.tend(s.life) })
	s.tasks.Go(func() { s.relieve(s.life) })
	s.tasks.Go(func() { s.scrubber(s.life) })
	return s, nil
}

// ledgerLost refuses a Store that has records and no ledger: with a new one,
// Topics would be gone, and one made again would number its records as the old
// one did and mix them with its.
func ledgerLost(ctx context.Context, cfg Config, path, streams string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if cfg.Bus != nil {
		states, err := cfg.Bus.Streams(ctx)
		if err != nil {
			return fmt.Errorf("open Topic store: %w", err)
		}
		for _, st := range states {
			if ofTopics(st.Name) && st.Last > 0 {
				return fmt.Errorf("%s is missing, and stream %s has records that only it can tell apart: put it back from a backup; without one, begin with an empty folder for the streams", path, st.Name)
			}
		}
		return nil
	}
	if _, err := os.Stat(streams); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return fmt.Errorf("%s is missing, and %s has records that only it can tell apart: put it back from a backup, or move that folder away to begin without them", path, streams)
}

// originOf makes the number that stands for a Hub in stored batches.
func originOf(hub string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(hub))
	return h.Sum64()
}

// load makes the Topics of the ledger known; each looks at its store when it is
// first used, or now when something may be missing.
func (s *Store) load(ctx context.Context) error {
	for name, subjects := range map[string]string{streamSync: "wr.hub.sync.*.*.*", streamAsync: "wr.hub.async.*.*.*"} {
		kind := bus.Sync
		if name == streamAsync {
			kind = bus.Async
		}
		if err := s.bus.Ensure(ctx, bus.Stream{Name: name, Subjects: []string{subjects}, Kind: kind}); err != nil {
			return fmt.Errorf("open stream %s: %w", name, err)
		}
	}
	metas, err := s.ledger.Topics()
	if err != nil {
		return err
	}
	last, err := s.ledger.LastIncarnation()
	if err != nil {
		return err
	}
	for _, meta := range metas {
		last = max(last, meta.Last())
	}
	s.incarnation.Store(last)
	for _, meta := range metas {
		if meta.Deleting {
			if err := s.erase(ctx, meta); err != nil {
				s.log.Warn("deleted topic not erased yet", "topic", meta.Name, "err", err)
				t := newTopic(s, meta) // its name is not free before
				t.ended = deleted(meta.Name)
				s.topics[meta.Name] = t
			}
			continue
		}
		s.topics[meta.Name] = newTopic(s, meta)
	}
	return s.inspect(ctx)
}

// Close makes everything durable that was accepted, ends all readers and
// writers, and closes the files.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	topics := s.list()
	s.mu.Unlock()
	for _, t := range topics {
		t.close(ErrClosed)
	}
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.drain(ctx)
	s.end()
	s.tasks.Wait()
	s.drain(context.WithoutCancel(ctx)) // what a promotion added meanwhile fails at once
	for _, t := range topics {
		t.mu.Lock()
		t.age(time.Now(), 1) // exactly
		t.mu.Unlock()
	}
	err := errors.Join(s.cursors.flush(), s.marks.flush())
	return errors.Join(err, s.closeBus(), s.ledger.Close())
}

// closeBus closes the engine if it is the Store's own.
func (s *Store) closeBus() error {
	if s.cfg.Bus != nil {
		return nil
	}
	return s.bus.Close()
}

// drain waits until no lane has anything to do.
func (s *Store) drain(ctx context.Context) {
	s.mu.Lock()
	lanes := slices.Collect(maps.Values(s.lanes))
	s.mu.Unlock()
	for _, l := range lanes {
		l.drain(ctx)
	}
}

// list is all Topics by name; s.mu is held.
func (s *Store) list() []*Topic {
	all := make([]*Topic, 0, len(s.topics))
	for _, t := range s.topics {
		if t.made() {
			all = append(all, t)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].name < all[j].name })
	return all
}

// Topics answers all Topics, by name.
func (s *Store) Topics() []*Topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list()
}

// Topic finds one by name; the error is NotFound when there is none.
func (s *Store) Topic(name waverider.TopicName) (*Topic, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.topics[name]; t != nil && t.made() {
		return t, nil
	}
	return nil, waverider.Errorf(waverider.NotFound, "Topic %s not found", name)
}

// lane answers who commits for a stream.
func (s *Store) lane(stream string, kind bus.Kind) *lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[stream]
	if l == nil {
		l = &lane{store: s, stream: stream, kind: kind}
		s.lanes[stream] = l
	}
	return l
}
