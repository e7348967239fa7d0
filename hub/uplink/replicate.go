package uplink

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"waverider"
	"waverider/link"
	"waverider/link/replica"
	"waverider/topic"
)

// share is the Topics that the Hub and its Space have in common.
type share struct {
	store    *topic.Store
	out      *replica.Outbound
	receiver *replica.Receiver

	hold func(context.Context, *topic.Topic) error // its records for the Space
}

func newShare(u *Uplink) *share {
	store := u.cfg.Topics
	s := &share{store: store, receiver: replica.NewReceiver(store, replica.ReceiverOptions{Log: u.log}),
		hold: func(ctx context.Context, t *topic.Topic) error { return t.Remember(ctx, topic.FarSpace, 0) }}
	s.out = &replica.Outbound{Store: store, Log: u.log, Send: replica.SendOptions{Reader: topic.FarSpace, Skip: topic.FarSpace},
		Topics: s.names, Changes: store.Changes}
	return s
}

// names is all Topics of scope space.
func (s *share) names() (list []waverider.TopicName) {
	for _, t := range s.store.Topics() {
		if t.Config().Scope == waverider.ScopeSpace && !t.Name().IsParked() && t.Life().Err() == nil {
			list = append(list, t.Name())
		}
	}
	return list
}

// may says whether the Space may write to a Topic.
func (s *share) may(name waverider.TopicName) error {
	if t, err := s.store.Topic(name); err == nil && t.Config().Scope != waverider.ScopeSpace {
		return waverider.Errorf(waverider.Forbidden, "Topic %s is of this Hub alone; promote it there", name)
	}
	return nil
}

// shareNew makes Topics from now on those of the Space, unless they are made for
// this Hub alone, with all their records held for it from the first.
func (u *Uplink) shareNew() {
	if store := u.cfg.Topics; store != nil {
		store.HoldFor(topic.FarSpace)
		store.SetDefaultScope(waverider.ScopeSpace)
	}
}

// Times after which a Topic that does not hold its records is tried again.
const (
	rememberFirst = 100 * time.Millisecond
	rememberMost  = 5 * time.Second
)

// remember sees to it that Topics of the Space hold what it does not have yet,
// whether it can be reached or not, until ctx ends. Those made or promoted while
// there is a Space do so by themselves; others are older than that.
func (u *Uplink) remember(ctx context.Context) {
	known := map[waverider.TopicName]*topic.Topic{}
	wait := rememberFirst
	for {
		changes := u.share.store.Changes()
		var again <-chan time.Time
		if u.Joined() && !u.rememberNew(ctx, known) {
			again = time.After(wait)
			wait = min(2*wait, rememberMost)
		} else {
			wait = rememberFirst
		}
		select {
		case <-changes:
		case <-u.joined:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// rememberNew is false when it is to be tried again.
func (u *Uplink) rememberNew(ctx context.Context, known map[waverider.TopicName]*topic.Topic) bool {
	failed := 0
	var which waverider.TopicName
	var why error
	for _, name := range u.share.names() {
		t, err := u.share.store.Topic(name)
		if err != nil || known[name] == t {
			continue
		}
		if err := u.share.hold(ctx, t); err == nil {
			known[name] = t
		} else if ctx.Err() == nil && t.Life().Err() == nil {
			failed++
			which, why = name, err
		}
	}
	for name, t := range known {
		if t.Life().Err() != nil {
			delete(known, name)
		}
	}
	if failed > 0 {
		u.log.Error("topics do not hold their records for the Space; trying again", "topics", failed, "topic", which, "err", why)
	}
	return failed == 0
}

// takeTopic receives the records of one Topic of the Space.
func (u *Uplink) takeTopic(ctx context.Context, st *link.Stream) {
	if u.share == nil {
		return
	}
	err := u.share.receiver.Serve(ctx, st, replica.Peer{Producer: topic.FarSpace, Name: "space", Allow: u.share.may})
	var breach *replica.Breach
	switch {
	case err == nil || ctx.Err() != nil:
	case errors.As(err, &breach):
		u.log.Error("the Space breaks the rules of the Link", "what", breach.What)
	default:
		u.log.Debug("topic of the Space not taken", "err", err)
	}
}

// sendTopics sends the Topics of scope space until the session ends.
func (u *Uplink) sendTopics(ctx context.Context, s *link.Session) {
	if u.share == nil {
		return
	}
	_ = u.share.out.Run(ctx, func(ctx context.Context) (net.Conn, error) { return s.Open(ctx, link.KindTopic) })
}

// background runs what goes on without a session too.
func (u *Uplink) background(ctx context.Context) (wait func()) {
	var tasks sync.WaitGroup
	if u.share != nil {
		tasks.Go(func() { u.remember(ctx) })
	}
	return tasks.Wait
}
