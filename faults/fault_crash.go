package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"waverider/internal/testhub"
)

// crashing watches a program that fails after each start: pauses that grow,
// and in the long run an end to it.
func crashing(ctx context.Context, r *rig) error {
	if err := r.open(ctx, ""); err != nil {
		return err
	}
	id, err := r.start(ctx, "crash", testhub.Start{Restart: "on-failure"})
	if err != nil {
		return err
	}
	if err := r.watchPauses(ctx, id); err != nil {
		return err
	}
	r.res.round()
	if r.short {
		return r.stopBetween(ctx, id)
	}
	in, err := r.hub.Await(ctx, id, testhub.Instance.Ended)
	if err != nil {
		return err
	}
	if in.Status != "errored" || in.Terminated == nil || !strings.Contains(in.Terminated.Reason, "not restarted") {
		r.res.failf("crash budget: %s, %+v", in.Status, in.Terminated)
	}
	if in.Restarts < 3 || in.Restarts > 20 {
		r.res.failf("crash budget: %d restarts", in.Restarts)
	}
	return nil
}

// watchPauses takes the time of the first restarts: each pause is about twice
// the one before.
func (r *rig) watchPauses(ctx context.Context, id string) error {
	const restarts = 3
	least := 450 * time.Millisecond
	last := time.Now()
	for n := 1; n <= restarts; n++ {
		in, err := r.hub.Await(ctx, id, func(in testhub.Instance) bool { return in.Epoch > n || in.Ended() })
		if err != nil || in.Ended() {
			return fmt.Errorf("restart %d: %s, %+v, %w", n, in.Status, in.Terminated, err)
		}
		pause := time.Since(last)
		if last = time.Now(); pause < least {
			r.res.failf("restart %d came after %v, expected about %v", n, pause, least)
		}
		r.res.longest(pause)
		least *= 2
	}
	return nil
}

// stopBetween stops the Instance while it waits for its next start.
func (r *rig) stopBetween(ctx context.Context, id string) error {
	if _, err := r.hub.Await(ctx, id, func(in testhub.Instance) bool { return in.Status == "restarting" }); err != nil {
		return err
	}
	began := time.Now()
	if err := r.hub.Stop(ctx, id, 5*time.Second); err != nil {
		return err
	}
	in, err := r.hub.Instance(ctx, id)
	if err == nil && !in.Ended() {
		r.res.failf("stopped while it waits for a restart, it is %s", in.Status)
	}
	if took := time.Since(began); took > 2*time.Second {
		r.res.failf("stop while waiting for a restart took %v", took)
	}
	return err
}
