package space

import (
	"context"
	"net/http"
	"sync"

	"waverider"
	"waverider/wire"
)

// uses is what is going on with Topics for one Hub, beside what is sent to it:
// each ends when the Hub may not use its Topic any more.
type uses struct {
	mu  sync.Mutex
	all map[*use]struct{}
}

type use struct {
	topic waverider.TopicName // "" while it is not known
	end   context.CancelCauseFunc
}

// begin is the context of something that will name its Topic, or has.
func (u *uses) begin(ctx context.Context, topic waverider.TopicName) (context.Context, *use, func()) {
	ctx, end := context.WithCancelCause(ctx)
	one := &use{topic, end}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.all == nil {
		u.all = map[*use]struct{}{}
	}
	u.all[one] = struct{}{}
	return ctx, one, func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		delete(u.all, one)
		end(nil)
	}
}

// name says which Topic it is. Ask what the Hub may only after that: then no
// change is missed.
func (u *uses) name(one *use, topic waverider.TopicName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	one.topic = topic
}

// check ends what may not go on.
func (u *uses) check(may func(waverider.TopicName) error) {
	u.mu.Lock()
	names := map[waverider.TopicName]error{}
	for one := range u.all {
		if one.topic != "" {
			names[one.topic] = nil
		}
	}
	u.mu.Unlock()
	refused := false
	for name := range names {
		names[name] = may(name)
		refused = refused || names[name] != nil
	}
	if !refused {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for one := range u.all {
		if err := names[one.topic]; err != nil {
			one.end(err)
		}
	}
}

// rightsChanged is called when what the Hub may could be another.
func (m *member) rightsChanged() {
	m.touch()
	m.uses.check(m.may)
	var not []waverider.TopicName
	for _, name := range m.Record().Reads {
		if n := waverider.TopicName(name); m.may(n) != nil {
			not = append(not, n)
		}
	}
	if len(not) > 0 {
		m.space.letting.add(m.id, not)
	}
}

// whileMay ends the request of a Hub when it may not use its Topic any more.
func (s *Space) whileMay(next wire.Handler) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		name, err := waverider.ParseTopicRef(r.PathValue("name"))
		m := s.member(wire.IdentityOf(r).Subject)
		if err != nil || m == nil {
			return next(w, r) // which refuses it
		}
		ctx, _, done := m.uses.begin(r.Context(), name)
		defer done()
		return next(w, r.WithContext(ctx))
	}
}
