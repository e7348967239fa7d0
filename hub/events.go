package hub

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"waverider"
)

// eventLog keeps the last message of each event an Instance emitted and tells
// those who wait for the next. Names are bounded: a program can't fill the
// Hub's memory by inventing names.
type eventLog struct {
	mu     sync.Mutex
	last   map[string]json.RawMessage
	order  []string // oldest name first, for the bound
	subs   map[*eventSub]bool
	closed bool
}

const (
	eventNames  = 1024 // names remembered per Instance
	eventQueued = 256  // messages a slow listener may lag behind
)

// eventSub is one listener to one event name.
type eventSub struct {
	name string
	ch   chan json.RawMessage
}

func newEventLog() *eventLog {
	return &eventLog{last: map[string]json.RawMessage{}, subs: map[*eventSub]bool{}}
}

// emit stores msg as the last one of name and hands it to the listeners. A
// listener that lags by eventQueued messages loses the newest ones: events are
// notices, not a data stream.
func (e *eventLog) emit(name string, msg json.RawMessage) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.last[name]; !known {
		if len(e.order) >= eventNames {
			delete(e.last, e.order[0])
			e.order = e.order[1:]
		}
		e.order = append(e.order, name)
	}
	e.last[name] = msg
	for s := range e.subs {
		if s.name == name {
			select {
			case s.ch <- msg:
			default:
			}
		}
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

// eventPatience is how long an event waits for a program that has a thousand
// messages unhandled; then it is dropped for that program.
const eventPatience = 10 * time.Millisecond

// broadcast hands an event of one Instance to all the others on this Hub.
func (h *Hub) broadcast(ctx context.Context, from *Instance, e eventMessage) {
	e.Source = string(from.id)
	for _, in := range h.Instances() {
		in.mu.Lock()
		proc := in.proc
		in.mu.Unlock()
		if in == from || proc == nil {
			continue
		}
		wait, cancel := context.WithTimeout(ctx, eventPatience)
		if err := proc.Session().Send(wait, "event", e); err != nil {
			in.log.Warn("event dropped", "event", e.Name, "err", err)
		}
		cancel()
	}
}
