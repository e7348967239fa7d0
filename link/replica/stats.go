package replica

import (
	"sync/atomic"

	"waverider"
)

// Stats is what became of one Topic between two Stores, in the time of this
// process.
type Stats struct {
	Topic   waverider.TopicName
	As      waverider.TopicName // its name at the receiver, once that is known
	Peer    string              // the other side, as it was named to this package
	Running bool                // a stream is open now
	Records uint64              // sent or stored
	Bytes   uint64              // of them
	Resent  uint64              // of the records sent: so many had been sent before
	Lag     uint64              // of a sender: records that are not acked
	Missed  uint64              // records that never came because the sender did not have them any more
	Waits   uint64              // times that a sender waited for acks, or a receiver for room
	Renewed uint64              // times that one side was found to be a copy, or to have lost its end
	Error   string              // why the last stream ended, if not by itself
}

// Meter counts for one Topic, over many streams. The zero value is ready.
type Meter struct {
	running, records, bytes, resent, missed, waits, renewed atomic.Uint64

	high  atomic.Uint64 // number after the last record ever sent
	acked atomic.Uint64
	as    atomic.Value // waverider.TopicName
	err   atomic.Value // string
}

// Stats looks at the counters; Lag is left to who knows the Topic.
func (m *Meter) Stats() Stats {
	s := Stats{Running: m.running.Load() > 0, Records: m.records.Load(), Bytes: m.bytes.Load(), Resent: m.resent.Load(),
		Missed: m.missed.Load(), Waits: m.waits.Load(), Renewed: m.renewed.Load()}
	s.As, _ = m.as.Load().(waverider.TopicName)
	s.Error, _ = m.err.Load().(string)
	return s
}

// sent counts records as they are sent.
func (m *Meter) sent(from, to uint64, bytes int) {
	if high := m.high.Load(); from < high {
		m.resent.Add(min(to, high) - from)
	}
	m.high.Store(max(m.high.Load(), to))
	m.records.Add(to - from)
	m.bytes.Add(uint64(bytes))
}
