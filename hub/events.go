package hub

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waverider"
)

// eventLog keeps the last message of each event an Instance emitted and tells
// those who wait for the next. Names and bytes are bounded: a program can't
// fill the Hub's memory by inventing names, or with large messages.
type eventLog struct {
	mu     sync.Mutex
	last   map[string]json.RawMessage
	order  []string // oldest name first, for the bounds
	bytes  int      // of names and messages in last
	subs   map[*eventSub]bool
	closed bool
}

const (
	eventNames  = 1024    // names remembered per Instance
	eventQueued = 256     // messages a slow listener may lag behind
	eventBytes  = 4 << 20 // of what is remembered, and of what a listener lags; one message may be larger
)

// eventSub is one listener to one event name.
type eventSub struct {
	name   string
	ch     chan json.RawMessage
	behind atomic.Int64 // bytes in ch
}

// put queues msg unless the listener lags too far.
func (s *eventSub) put(msg json.RawMessage) {
	size := int64(len(msg))
	if behind := s.behind.Load(); behind > 0 && behind+size > eventBytes {
		return
	}
	s.behind.Add(size)
	select {
	case s.ch <- msg:
	default:
		s.behind.Add(-size)
	}
}

// took is told what was received of ch.
func (s *eventSub) took(msg json.RawMessage) { s.behind.Add(-int64(len(msg))) }

func newEventLog() *eventLog {
	return &eventLog{last: map[string]json.RawMessage{}, subs: map[*eventSub]bool{}}
}

// emit stores msg as the last one of name and hands it to the listeners. A
// listener that lags by eventQueued messages or eventBytes loses the newest
// ones: events are notices, not a data stream.
func (e *eventLog) emit(name string, msg json.RawMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.remember(name, msg)
	for s := range e.subs {
		if s.name == name {
			s.put(msg)
		}
	}
}

// remember forgets the oldest names for a new message; e.mu is held.
func (e *eventLog) remember(name string, msg json.RawMessage) {
	if old, known := e.last[name]; known {
		e.bytes -= len(old)
	} else {
		e.order = append(e.order, name)
		e.bytes += len(name)
	}
	e.last[name] = msg
	e.bytes += len(msg)
	for i := 0; i < len(e.order) && len(e.last) > 1 && (len(e.last) > eventNames || e.bytes > eventBytes); {
		oldest := e.order[i]
		if oldest == name { // the newest message stays
			i++
			continue
		}
		e.bytes -= len(oldest) + len(e.last[oldest])
		delete(e.last, oldest)
		e.order = slices.Delete(e.order, i, i+1)
	}
}

// listen registers a listener; a closed channel means the Instance has ended.
func (e *eventLog) listen(name string) *eventSub {
	s := &eventSub{name: name, ch: make(chan json.RawMessage, eventQueued)}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		close(s.ch)
	} else {
		e.subs[s] = true
	}
	return s
}

func (e *eventLog) leave(s *eventSub) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.subs, s)
}

// close ends all listeners: the Instance has ended.
func (e *eventLog) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for s := range e.subs {
		close(s.ch)
		delete(e.subs, s)
	}
}

// quiet ends all who listen to the Instance.
func (in *Instance) quiet() {
	in.events.close()
	in.reports.close()
}

// next waits for the next event of a name; with last it answers at once when
// there has been one.
func (e *eventLog) next(ctx context.Context, name string, last bool) (json.RawMessage, error) {
	s := e.listen(name)
	defer e.leave(s)
	if last {
		e.mu.Lock()
		msg, ok := e.last[name]
		e.mu.Unlock()
		if ok {
			return msg, nil
		}
	}
	select {
	case msg, ok := <-s.ch:
		s.took(msg)
		if !ok {
			return nil, waverider.Errorf(waverider.Gone, "the Instance has ended; event %q will not come", name)
		}
		return msg, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// eventMessage is an event on its way from or to a program.
type eventMessage struct {
	Name    string          `json:"name"`
	Message json.RawMessage `json:"message,omitempty"`
	Source  string          `json:"source,omitempty"`
}

// eventPatience is how long an event waits for programs that have a thousand
// messages unhandled, all together: who emits it has more to say. Then it is
// dropped for those that are not ready.
const eventPatience = 10 * time.Millisecond

// broadcast hands an event of one Instance to all the others on this Hub.
func (h *Hub) broadcast(ctx context.Context, from *Instance, e eventMessage) {
	e.Source = string(from.id)
	wait, cancel := context.WithTimeout(ctx, eventPatience)
	defer cancel()
	for _, in := range h.Instances() {
		in.mu.Lock()
		proc := in.proc
		in.mu.Unlock()
		if in == from || proc == nil {
			continue
		}
		if err := proc.Session().Send(wait, "event", e); err != nil {
			in.log.Warn("event dropped", "event", shortName(e.Name), "err", err)
		}
	}
}

// shortName is a name as the log has it: a program may give any.
func shortName(name string) string {
	const most = 100
	if len(name) > most {
		return name[:most] + "…"
	}
	return name
}
