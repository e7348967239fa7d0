package records

import (
	"encoding/json"

	"waverider/bus"
)

// entry is what stands at an address.
type entry struct {
	rev   uint64 // sequence of the newest message; the next one has to name it
	write string // who wrote it
	value []byte // nil: there is none (any more)
}

// envelope is the stored form of a change.
type envelope struct {
	Write   string          `json:"write"` // different for each, so that a writer knows its own
	Deleted bool            `json:"deleted,omitempty"`
	Value   json.RawMessage `json:"value,omitempty"`
}

// entryOf reads a stored message. One that cannot be read is as good as none.
func (s *Store) entryOf(at address, m bus.Stored) entry {
	var e envelope
	err := json.Unmarshal(m.Data, &e)
	if err != nil || !e.Deleted && e.Value == nil {
		s.log.Error("a stored value cannot be read and is given up", "collection", at.collection, "key", at.key, "err", err)
		return entry{rev: m.Seq}
	}
	return entry{rev: m.Seq, write: e.Write, value: e.Value}
}

// table is the content of all collections, and what of the stream is not.
type table struct {
	collections map[string]map[string]entry
	keys        int // that have a value
	bytes       int // of keys and values

	stale map[address]bool // the stream has more of them than their value
	old   int              // bytes of that, about
}

func newTable() table {
	return table{collections: map[string]map[string]entry{}, stale: map[address]bool{}}
}

func (t *table) get(at address) entry { return t.collections[at.collection][at.key] }

// set changes an entry to what the newest message says. Without a rev, the
// stream has none.
func (t *table) set(at address, e entry) {
	c := t.collections[at.collection]
	if c == nil {
		c = map[string]entry{}
		t.collections[at.collection] = c
	}
	before := c[at.key]
	if before.value != nil {
		t.keys--
		t.bytes -= len(at.key) + len(before.value)
	}
	if e.rev == 0 {
		delete(c, at.key)
		return
	}
	if before.rev != 0 || e.value == nil {
		t.stale[at] = true
		t.old += messageSize + len(before.value)
	}
	if e.value != nil {
		t.keys++
		t.bytes += len(at.key) + len(e.value)
	}
	c[at.key] = e
}
