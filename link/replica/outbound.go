package replica

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"waverider"
	"waverider/topic"
)

const (
	againFirst = 100 * time.Millisecond
	againMost  = 2 * time.Second
	againNo    = 30 * time.Second // when the receiver says no
	startsMost = 32               // streams that are opened at once
)

// Outbound sends Topics to one peer, each on a stream of its own, as long as
// there is a way to it. It is run again and again, one at a time, and goes on
// counting.
type Outbound struct {
	Store *topic.Store
	Send  SendOptions
	Log   *slog.Logger

	// Topics lists what is to be sent. It is asked again when what Changes has
	// given before it was asked is closed. What is not there yet may be among it.
	Topics  func() []waverider.TopicName
	Changes func() <-chan struct{}

	first time.Duration // again after; 0: againFirst

	mu     sync.Mutex
	meters map[waverider.TopicName]*lasting
}

// lasting is what stays of a Topic from one stream to the next.
type lasting struct {
	Meter
	gone bool // it was deleted at the receiver
}

// Run sends until ctx ends, and answers why it has. Streams that end are begun
// again. open opens a stream to the peer.
func (o *Outbound) Run(ctx context.Context, open func(context.Context) (net.Conn, error)) error {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	starts := make(chan struct{}, startsMost)
	ended := make(chan waverider.TopicName)
	running := map[waverider.TopicName]context.CancelFunc{}
	for {
		changes := o.Changes()
		want := map[waverider.TopicName]bool{}
		for _, name := range o.Topics() {
			want[name] = true
			if running[name] != nil {
				continue
			}
			if t, err := o.Store.Topic(name); err != nil || t.Life().Err() != nil {
				continue // Changes tells when it comes
			}
			own, stop := context.WithCancel(ctx)
			running[name] = stop
			all.Go(func() {
				defer stop()
				o.keep(own, name, open, starts)
				select {
				case ended <- name:
				case <-ctx.Done():
				}
			})
		}
		for name, stop := range running {
			if !want[name] {
				stop()
			}
		}
		o.forget(want)
		select {
		case <-changes:
		case name := <-ended:
			delete(running, name)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// forget drops the counters of Topics that are not sent any more.
func (o *Outbound) forget(want map[waverider.TopicName]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for name, m := range o.meters {
		if !want[name] && m.running.Load() == 0 {
			delete(o.meters, name)
		}
	}
}

func (o *Outbound) lasting(name waverider.TopicName) *lasting {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.meters == nil {
		o.meters = map[waverider.TopicName]*lasting{}
	}
	if o.meters[name] == nil {
		o.meters[name] = &lasting{}
	}
	return o.meters[name]
}

// Stats is what was sent, by Topic.
func (o *Outbound) Stats() []Stats {
	o.mu.Lock()
	var list []Stats
	for name, m := range o.meters {
		s := m.Stats()
		s.Topic, s.Peer, s.Lag = name, o.Send.Reader, m.acked.Load()
		list = append(list, s)
	}
	o.mu.Unlock()
	for i, s := range list {
		if t, err := o.Store.Topic(s.Topic); err == nil {
			list[i].Lag = t.Between(max(s.Lag, 1), t.Next())
		}
	}
	slices.SortFunc(list, func(a, b Stats) int { return strings.Compare(string(a.Topic), string(b.Topic)) })
	return list
}

// keep sends one Topic until ctx ends or there is none of that name.
func (o *Outbound) keep(ctx context.Context, name waverider.TopicName, open func(context.Context) (net.Conn, error), starts chan struct{}) {
	last := o.lasting(name)
	first := againFirst
	if o.first > 0 {
		first = o.first
	}
	wait := first
	for ctx.Err() == nil {
		t, err := o.Store.Topic(name)
		if err != nil || t.Life().Err() != nil {
			return
		}
		began, err := o.once(ctx, t, last, open, starts)
		if ctx.Err() != nil || t.Life().Err() != nil {
			continue
		}
		last.err.Store(err.Error())
		if began {
			wait = first
		}
		least := wait
		if final(err) {
			least = againNo
		}
		if o.Log != nil {
			o.Log.Info("topic is not sent; trying again", "topic", name, "to", o.Send.Reader, "after", least, "err", err)
		}
		last.gone = last.gone || isGone(err)
		if pause(ctx, least+rand.N(least/4+1)) != nil {
			return
		}
		wait = min(2*wait, againMost)
	}
}

// once sends a Topic over one stream.
func (o *Outbound) once(ctx context.Context, t *topic.Topic, last *lasting, open func(context.Context) (net.Conn, error), starts chan struct{}) (began bool, err error) {
	select {
	case starts <- struct{}{}:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	release := sync.OnceFunc(func() { <-starts })
	defer release()
	conn, err := open(ctx)
	if err != nil {
		return false, err
	}
	send := o.Send
	send.Meter, send.gone = &last.Meter, last.gone
	if send.Log == nil {
		send.Log = o.Log
	}
	send.said = release // many may wait for an answer: it can be far away
	send.begun = func() {
		began, last.gone = true, false
		last.err.Store("")
	}
	err = Send(ctx, conn, t, send)
	return began, err
}

// final tells that the receiver will say the same again: it refuses what is sent,
// and not for want of room or time.
func final(err error) bool {
	var r *Refused
	if !errors.As(err, &r) {
		return false
	}
	switch r.Err.Kind {
	case waverider.Forbidden, waverider.Invalid, waverider.Unsupported, waverider.NotFound, waverider.Unauthorized, waverider.NotAllowed:
		return true
	}
	return false
}

func isGone(err error) bool {
	var r *Refused
	return errors.As(err, &r) && r.Err.Kind == waverider.Gone
}
