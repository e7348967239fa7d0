package topic

import (
	"context"
	"errors"
	"sync"

	"waverider"
	"waverider/bus"
	"waverider/topic/batch"
	"waverider/topic/ledger"
)

// Topic is one stream of records. It costs no goroutine while nothing happens,
// and looks at its store only when it is first used.
type Topic struct {
	store      *Store
	name       waverider.TopicName
	durability waverider.Durability // never changes

	making  chan struct{} // closed when the first Put has ended; nil when loaded
	makeErr error

	opening  sync.Mutex // held by the one who recovers
	putting  sync.Mutex // held by the one who changes meta
	erasing  sync.Mutex // held by the one who removes the Topic
	dropping sync.Mutex // held by the one who drops records
	living   sync.Mutex // held by the one who begins the life of this process

	life context.Context // ends with ended, which is its cause
	end  context.CancelCauseFunc

	mu        sync.Mutex
	meta      ledger.Topic
	fresh     bool   // nothing is stored yet
	ready     bool   // next, before, first are known
	next      uint64 // number of the next record
	before    uint64 // bytes of data so far
	first     uint64 // number of the oldest record that is kept
	firstByte uint64 // before of the oldest batch
	reserved  uint64 // numbers from here on need a mark first
	marked    uint64 // next as last marked
	here      segment
	lane      *lane
	sealing   uint64 // bytes in the hands of the lane
	lastSeq   uint64 // of the newest batch this process stored in here
	since     uint64 // before, when the Topic began to use lane
	producers map[string]*producer
	left      uint64          // producers ever taken from there
	waiting   int             // Writers that wait for readers to make room
	queue     []*producer     // with an open batch, in the order of their first record
	busy      bool            // a lane has the Topic, or who holds it
	holds     []chan struct{} // who waits for it to hold it
	alive     bool            // the numbers given now are of a life of this process
	tail      tail
	readers   map[*Reader]bool
	cursors   map[string]*cursor
	groups    map[string]*group // by the name of their cursor
	ended     error             // closed or deleted: why
	grew      signal            // records were stored, or ended was set
	moved     signal            // a batch was stored or failed: there is room, Flush may return
	roomier   signal            // something was dropped, or a cursor moved
	rate      rate
	scrubbed  Scrubbed
}

// producer is one source of records as the store knows it.
type producer struct {
	id     string
	after  uint64 // sequence of its last message in the current stream
	last   State
	open   *batch.Builder
	tag    State  // of the last record in open
	added  uint64 // records ever added
	stored uint64 // of them, those that are durable
	failed error  // the producer was fenced
	users  int    // Writers
	turn   int    // Writers of another one are fenced
	queued bool
}

// State is how far a producer has come.
type State struct {
	Epoch uint32 // of the producer's run
	End   uint64 // its own position
	Cause *batch.Cause
}

func newTopic(s *Store, meta ledger.Topic) *Topic {
	t := &Topic{store: s, name: meta.Name, durability: meta.Durability, meta: meta}
	t.life, t.end = context.WithCancelCause(context.Background())
	return t
}

// Life ends when the Topic is deleted or the Store closes; its cause says which.
func (t *Topic) Life() context.Context { return t.life }

// made tells whether the Topic is on disk: until then nobody may use it.
func (t *Topic) made() bool {
	if t.making == nil {
		return true
	}
	select {
	case <-t.making:
		return true
	default:
		return false
	}
}

// Name is the Topic's name.
func (t *Topic) Name() waverider.TopicName { return t.name }

// Config is what was said of the Topic when it was made.
func (t *Topic) Config() waverider.TopicConfig {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.meta.TopicConfig
}

func (t *Topic) memory() bool { return t.durability == waverider.DurabilityMemory }

func (t *Topic) kind() bus.Kind {
	if t.durability == waverider.DurabilityAsync {
		return bus.Async
	}
	return bus.Sync
}

// run is the incarnation that new records belong to. t.mu is held.
func (t *Topic) run() ledger.Run { return t.meta.Runs[len(t.meta.Runs)-1] }

// incarnation is the one that a record belongs to. t.mu is held.
func (t *Topic) incarnation(number uint64) uint32 {
	for i := len(t.meta.Runs) - 1; i > 0; i-- {
		if number >= t.meta.Runs[i].First {
			return t.meta.Runs[i].Incarnation
		}
	}
	return t.meta.Runs[0].Incarnation
}

// count is how many numbers from one up to and without another were given to
// records. t.mu is held.
func (t *Topic) count(from, to uint64) uint64 {
	if from >= to {
		return 0
	}
	n := to - from
	for _, r := range t.meta.Runs {
		if first, end := max(from, r.First-r.Unused), min(to, r.First); first < end {
			n -= end - first
		}
	}
	return n
}

// cursorAt is the public form of a place. t.mu is held.
func (t *Topic) cursorAt(number uint64) Cursor {
	return Cursor{Origin: t.store.origin, Incarnation: t.incarnation(number), Number: number}
}

// place finds the number a cursor stands for. t.mu is held and t is ready.
func (t *Topic) place(c Cursor) (uint64, error) {
	known := false
	for _, r := range t.meta.Runs {
		known = known || r.Incarnation == c.Incarnation
	}
	if c.Origin != t.store.origin || !known || c.Number < 1 {
		return 0, waverider.Errorf(waverider.Gone, "the cursor belongs to another Topic, or to one that was deleted; read from=start or from=new")
	}
	if c.Number > t.next {
		return 0, waverider.Errorf(waverider.Gone, "the cursor is ahead of Topic %s, whose next record is %d", t.name, t.next)
	}
	return c.Number, nil
}

// close ends everybody who waits. What was accepted is still stored.
func (t *Topic) close(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return
	}
	t.ended = why
	t.end(why)
	t.grew.fire()
	t.moved.fire()
	t.roomier.fire()
	for _, g := range t.groups {
		g.changed.fire()
	}
}

// because is why the Topic has ended, if it has and something else failed
// with err: it is the cause of that.
func (t *Topic) because(err error) error {
	if err == nil || t.life.Err() == nil {
		return err
	}
	return context.Cause(t.life)
}

// patient does what an engine that is being started anew may refuse, until it is
// back.
func (t *Topic) patient(ctx context.Context, do func() error) error {
	for {
		err := do()
		if !errors.Is(err, bus.ErrUnavailable) || t.store.life.Err() != nil {
			return t.because(err)
		}
		if err := pause(ctx, retryMax/4); err != nil {
			return err
		}
	}
}

// idle waits until no lane has the Topic.
func (t *Topic) idle(ctx context.Context) error {
	for {
		t.mu.Lock()
		if !t.busy {
			t.tail.clear()
			t.mu.Unlock()
			return nil
		}
		moved := t.moved.wait()
		t.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
