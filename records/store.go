package records

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"waverider"
	"waverider/bus"
)

// Limits. All values are kept in memory.
const (
	MaxKey   = 256       // bytes of a key
	MaxValue = 64 << 10  // bytes of a value as JSON
	maxKeys  = 100_000   // of all collections
	maxBytes = 256 << 20 // of all keys and values
)

// stream is where everything is stored, one subject for each key.
const stream = "records"

var streamConfig = bus.Stream{Name: stream, Subjects: []string{subjects}, Kind: bus.Sync}

// ErrClosed is what calls get after Close.
var ErrClosed = waverider.Errorf(waverider.Unavailable, "the Space is stopping; go on when it is back")

// Store holds the collections of one Space. All methods are safe for
// concurrent use.
type Store struct {
	bus  *bus.Bus
	log  *slog.Logger
	life context.Context // ends with Close
	end  context.CancelFunc

	tasks  sync.WaitGroup
	writes chan struct{} // holds one for each write on its way

	mu      sync.Mutex
	closed  bool
	table   table
	watches map[string]map[*watch]bool // by collection
	since   time.Time                  // writes go wrong since then; zero: all is well
	limits  limits

	doubts   map[address]time.Time // keys that a write of unknown fate may still change, and when that is over
	settling bool
	trimming bool
}

type limits struct{ keys, bytes, old int }

// Open reads what the Bus has. The Bus stays open after Close of the Store.
func Open(ctx context.Context, b *bus.Bus, log *slog.Logger) (*Store, error) {
	s := &Store{bus: b, log: log, writes: make(chan struct{}, maxWrites), table: newTable(),
		watches: map[string]map[*watch]bool{}, doubts: map[address]time.Time{}, limits: limits{maxKeys, maxBytes, trimFrom}}
	s.life, s.end = context.WithCancel(context.Background())
	if err := s.load(ctx); err != nil {
		s.Close()
		return nil, fmt.Errorf("open records: %w", err)
	}
	return s, nil
}

// load reads the stream from its begin.
func (s *Store) load(ctx context.Context) error {
	if err := s.bus.Ensure(ctx, streamConfig); err != nil {
		return err
	}
	from := uint64(0)
	for {
		ms, err := s.bus.Fetch(ctx, stream, subjects, from, 4096, 8<<20)
		if err != nil {
			return err
		}
		s.mu.Lock()
		if len(ms) == 0 {
			s.startTrim()
			s.mu.Unlock()
			return nil
		}
		for _, m := range ms {
			if at, ok := addressOf(m.Subject); ok {
				s.table.set(at, s.entryOf(at, m))
			} else {
				s.log.Warn("a value is stored where no key leads to", "subject", m.Subject)
			}
		}
		s.mu.Unlock()
		from = ms[len(ms)-1].Seq + 1
	}
}

// Close cuts the writes on their way short, stored or not, and ends all watches.
func (s *Store) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.end()
	s.tasks.Wait()
}

// begin counts a call that Close has to wait for; the caller ends it.
func (s *Store) begin() (end func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.tasks.Add(1)
	return s.tasks.Done, nil
}
