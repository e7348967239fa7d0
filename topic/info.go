package topic

import (
	"context"
	"slices"
	"strings"
	"time"

	"waverider/topic/ledger"
)

// Info is what can be said of a Topic now. Sizes are bytes of records, without
// what storing them adds.
type Info struct {
	Records   uint64 // kept now
	Bytes     uint64 // kept now
	Limit     uint64 // bytes
	First     Cursor // oldest record kept
	Next      Cursor // the record to come
	Total     uint64 // records ever
	PerSecond float64
	ByteRate  float64 // bytes per second
	Stream    string  // where new batches are stored; "" in memory
	Shared    bool
	Readers   []ReaderInfo
	Producers int // connected now
	Damage    []ledger.Damage
	Checked   Scrubbed
	Full      bool // readers hold all its room: producers wait
}

// ReaderInfo is one reader, connected or remembered.
type ReaderInfo struct {
	Name      string // "" for one that nobody remembers
	Kind      string // live, plain, group, slot, space or hub
	Connected int
	Lag       uint64 // records it has not acked, or not read
	Next      Cursor
	Holds     bool // keeps records from being dropped
	Updated   time.Time
	Expires   time.Duration
}

// Info looks at the Topic.
func (t *Topic) Info(ctx context.Context) (Info, error) {
	if err := t.ensureReady(ctx); err != nil {
		return Info{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	t.rate.roll(now)
	info := Info{Records: t.count(t.first, t.next), Bytes: t.before - t.firstByte, Limit: t.maxBytes(),
		First: t.cursorAt(t.first), Next: t.cursorAt(t.next), Total: t.count(1, t.next),
		PerSecond: t.rate.perSecond, ByteRate: t.rate.bytesPerSecond,
		Stream: t.here.stream, Shared: t.here.stream == streamSync || t.here.stream == streamAsync,
		Checked: t.scrubbed, Damage: slices.Clone(t.meta.Damage), Full: t.full()}
	for _, p := range t.producers {
		info.Producers += p.users
	}
	for name, c := range t.cursors {
		kind, rest := kindOf(name)
		lag := t.count(c.saved.Number, t.next)
		if g := t.groups[name]; g != nil {
			lag = g.waiting()
		}
		info.Readers = append(info.Readers, ReaderInfo{Name: rest, Kind: kind, Connected: c.readers, Lag: lag,
			Next: t.cursorAt(c.saved.Number), Holds: holding(name) && !t.memory() && c.onDisk < t.next, Updated: c.saved.Updated, Expires: c.saved.Expires})
	}
	for r := range t.readers {
		if r.cursor == nil {
			at := r.at
			info.Readers = append(info.Readers, ReaderInfo{Kind: "live", Connected: 1, Lag: t.count(at, t.next), Next: t.cursorAt(at), Updated: r.since})
		}
	}
	slices.SortFunc(info.Readers, func(a, b ReaderInfo) int { return strings.Compare(a.Kind+":"+a.Name, b.Kind+":"+b.Name) })
	return info, nil
}

// kindOf takes the name of a durable reader apart.
func kindOf(name string) (kind, rest string) {
	if far(name) && name != FarSpace {
		return "hub", strings.TrimPrefix(name, FarHub)
	}
	kind, rest, ok := strings.Cut(name, ":")
	if !ok {
		rest = name
	}
	return kind, rest
}
