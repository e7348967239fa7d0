package hub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/runtime"
	"waverider/topic"
)

// awaitOutput waits until it is known where the output goes: the program has
// said what it is, or there is output without a word, or the end.
func (in *Instance) awaitOutput(ctx, alive context.Context, s *runner.Session) (journal.Instance, *pump.Feed) {
	feed := in.awaitFeed(ctx)
	wait, cancel := context.WithCancel(alive)
	defer cancel()
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer cancel()
		for { // what a program finishes that has no output yet, or never any
			marks, err := s.Output().IdleMarks(wait)
			if err != nil {
				_ = s.Settled(wait) // what it is was said before
				return
			}
			if feed != nil {
				feed.Marked(marks)
				feed.Durable(s.Output().Acked())
			}
		}
	}()
	_, _ = in.until(wait, func(journal.Instance) bool { return in.announced })
	cancel()
	<-over
	return in.record(), feed
}

// drainTopic stores the output of this run in its Topic. It returns when the
// output has ended, the process has, or ctx does.
func (in *Instance) drainTopic(ctx, alive context.Context, proc runtime.Process, rec journal.Instance, feed *pump.Feed) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { in.awaitKilled(ctx, alive, cancel) })
	in.out.mu.Lock()
	in.out.closeReaders(outputElsewhere(rec))
	in.out.mu.Unlock()
	err := pump.Drain(ctx, pump.Output{
		Topic: func(ctx context.Context) (*topic.Topic, error) { return in.joinOutput(ctx, in.record()) },
		Run:   runOf(in.record()), Stream: proc.Session().Output(), Edge: in.currentEdge(), Feed: feed,
	})
	switch {
	case err == nil, ctx.Err() != nil, errors.Is(err, runner.ErrDetached), errors.Is(err, topic.ErrClosed):
	default:
		in.refuse(ctx, proc, fmt.Errorf("output: %w", err))
	}
}

// awaitKilled gives up what a killed program left and its Topic has no room for.
func (in *Instance) awaitKilled(ctx, alive context.Context, giveUp func()) {
	select {
	case <-alive.Done():
	case <-ctx.Done():
		return
	}
	if _, err := in.until(ctx, func(rec journal.Instance) bool { return rec.Wish == journal.WishKill }); err != nil {
		return
	}
	select {
	case <-time.After(killGrace): // what needs no room is stored by then
		giveUp()
	case <-ctx.Done():
	}
}

func outputElsewhere(rec journal.Instance) error {
	return waverider.Errorf(waverider.NotAllowed, "the output of Instance %s goes to Topic %s; read that", rec.ID, outputTopic(rec))
}
