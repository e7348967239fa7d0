package uplink

import (
	"context"
	"errors"
	"net"
	"sync"

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
}

func newShare(u *Uplink) *share {
	store := u.cfg.Topics
	s := &share{store: store, receiver: replica.NewReceiver(store, replica.ReceiverOptions{Log: u.log})}
	s.out = &replica.Outbound{Store: store, Log: u.log, Send: replica.SendOptions{Reader: topic.FarSpace, Skip: topic.FarSpace},
		Topics: s.names, Changes: store.Changes}
	return s
}

// names is all Topics of scope space.
func (s *share) names() (list []waverider.TopicName) {
	for _, t := range s.store.Topics() {
		if t.Config().Scope == waverider.ScopeSpace && t.Life().Err() == nil {
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

// remember sees to it that Topics of the Space hold what it does not have yet,
// whether it can be reached or not, until ctx ends.
func (u *Uplink) remember(ctx context.Context) {
	known := map[waverider.TopicName]*topic.Topic{}
	for {
		changes := u.share.store.Changes()
		if u.Joined() {
			u.rememberNew(ctx, known)
		}
		select {
		case <-changes:
		case <-u.joined:
		case <-ctx.Done():
			return
		}
	}
}

func (u *Uplink) rememberNew(ctx context.Context, known map[waverider.TopicName]*topic.Topic) {
	for _, name := range u.share.names() {
		t, err := u.share.store.Topic(name)
		if err != nil || known[name] == t {
			continue
		}
		if err := t.Remember(ctx, topic.FarSpace, 0); err != nil {
			if ctx.Err() == nil && t.Life().Err() == nil {
				u.log.Error("a Topic does not hold its records for the Space", "topic", name, "err", err)
			}
			continue
		}
		known[name] = t
	}
	for name, t := range known {
		if t.Life().Err() != nil {
			delete(known, name)
		}
	}
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
