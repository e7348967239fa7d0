package space

import (
	"context"
	"slices"
	"sync"
	"time"

	"waverider"
)

// letGoAgain is when it is tried again to forget a reader that is still
// connected: the stream it is of is about to end.
const letGoAgain = 100 * time.Millisecond

// held is a Topic that a Hub holds with a reader of this Space.
type held struct {
	topic waverider.TopicName
	hub   string
}

// letting is the readers that nobody wants any more: they hold nothing once the
// streams they belong to have ended.
type letting struct {
	mu   sync.Mutex
	wait map[held]struct{}
	news chan struct{} // holds one when there is more
}

func newLetting() *letting {
	return &letting{wait: map[held]struct{}{}, news: make(chan struct{}, 1)}
}

func (l *letting) add(hub string, topics []waverider.TopicName) {
	l.mu.Lock()
	for _, name := range topics {
		l.wait[held{name, hub}] = struct{}{}
	}
	l.mu.Unlock()
	select {
	case l.news <- struct{}{}:
	default:
	}
}

func (l *letting) done(h held) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.wait, h)
}

func (l *letting) list() []held {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]held, 0, len(l.wait))
	for h := range l.wait {
		all = append(all, h)
	}
	return all
}

// letGo forgets readers that nobody wants until ctx ends; after that they expire
// by themselves.
func (s *Space) letGo(ctx context.Context) {
	for {
		var again <-chan time.Time
		if s.letGoNow(ctx) {
			again = time.After(letGoAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.letting.news:
		case <-again:
		}
	}
}

// letGoNow forgets those it can, and says whether some are left.
func (s *Space) letGoNow(ctx context.Context) (left bool) {
	wanted := map[string][]waverider.TopicName{} // sorted
	for _, h := range s.letting.list() {
		if _, ok := wanted[h.hub]; !ok {
			wanted[h.hub] = nil
			if m := s.member(h.hub); m != nil {
				wanted[h.hub] = m.wanted()
			}
		}
		if _, again := slices.BinarySearch(wanted[h.hub], h.topic); again {
			s.letting.done(h)
			continue
		}
		t, err := s.cfg.Topics.Topic(h.topic)
		if err == nil {
			err = t.Forget(ctx, farOf(h.hub))
		}
		if err != nil && waverider.KindOf(err) != waverider.NotFound && waverider.KindOf(err) != waverider.Gone {
			left = true
			continue
		}
		s.letting.done(h)
	}
	return left
}
