package uplink

import (
	"slices"
	"sync"
	"time"

	"waverider"
	"waverider/link"
)

// keptRead is how long after the last reader the records of a Topic still come
// from the Space.
const keptRead = 10 * time.Minute

// readSet is the Topics that are read here, and so wanted from the Space.
type readSet struct {
	mu    sync.Mutex
	last  map[waverider.TopicName]time.Time
	more  chan struct{}
	told  []string // to the Space, in this session
	tells *link.Session
}

func (r *readSet) init() {
	r.last, r.more = map[waverider.TopicName]time.Time{}, make(chan struct{}, 1)
}

// Reads notes that somebody reads a Topic.
func (u *Uplink) Reads(name waverider.TopicName) {
	if u == nil {
		return
	}
	r := &u.reads
	r.mu.Lock()
	_, known := r.last[name]
	r.last[name] = time.Now()
	r.mu.Unlock()
	if !known {
		select {
		case r.more <- struct{}{}:
		default:
		}
	}
}

func (r *readSet) changed() <-chan struct{} { return r.more }

// wanted is the Topics of scope space that are read, by name.
func (u *Uplink) wanted() []string {
	if u.cfg.Topics == nil {
		return nil
	}
	r := &u.reads
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	names := []string{}
	for name, last := range r.last {
		if now.Sub(last) > keptRead {
			delete(r.last, name)
			continue
		}
		if t, err := u.cfg.Topics.Topic(name); err == nil && t.Config().Scope == waverider.ScopeSpace {
			names = append(names, string(name))
		}
	}
	slices.Sort(names)
	return names
}

// reportReads tells the Space what is wanted, when it is not what it knows.
func (u *Uplink) reportReads(s *link.Session) {
	names := u.wanted()
	r := &u.reads
	r.mu.Lock()
	same := r.tells == s && slices.Equal(names, r.told)
	r.mu.Unlock()
	if same || s.Send(link.MessageReads, link.Reads{Topics: names}) != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tells, r.told = s, names
}
