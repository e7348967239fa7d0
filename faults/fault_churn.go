package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"waverider/internal/testhub"
)

// churn is Instances that come and go while the Hub is killed: each kill hits
// some of them between two steps of a start, an end or a removal.
type churn struct {
	r *rig

	mu      sync.Mutex
	briefs  map[string]int // records that each is to write, by Instance
	started map[string]bool
	removed map[string]bool
	doomed  map[string]bool // their removal was asked for, and answered or not
	lasting map[string]bool // the Hub has said they run, nobody has removed them
}

const churners = 6

// churned kills the Hub while programs start and end, and again while it
// comes up. Every program must have ended well once, whatever was hit.
func churned(ctx context.Context, r *rig) error {
	pool := "1"
	if r.rnd.IntN(2) == 0 {
		pool = "0"
	}
	if err := r.open(ctx, "", "--warm-pool", pool); err != nil {
		return err
	}
	for _, program := range []string{"brief", "identity"} { // uploads are not what is to be hit
		if _, err := r.start(ctx, program, testhub.Start{Args: []any{1}}); err != nil {
			return err
		}
	}
	before, err := r.empty(ctx)
	if err == nil {
		err = r.removeAll(ctx)
	}
	if err != nil {
		return err
	}
	for i := range r.rounds {
		c := &churn{r: r, briefs: map[string]int{}, started: map[string]bool{}, removed: map[string]bool{}, doomed: map[string]bool{}, lasting: map[string]bool{}}
		if err := c.round(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.res.round()
	}
	r.nothingLeft(ctx, before)
	return nil
}

// round lets everything come and go, kills the Hub under it, and looks what
// has become of all.
func (c *churn) round(ctx context.Context) error {
	busy, stop := context.WithCancel(ctx)
	defer stop()
	var all sync.WaitGroup
	for range churners {
		all.Go(func() {
			for n := 0; busy.Err() == nil; n++ {
				c.one(busy, n)
			}
		})
	}
	c.r.wait(ctx, 20*time.Millisecond, 500*time.Millisecond)
	if err := c.r.kill9(ctx); err != nil {
		return err
	}
	stop()
	all.Wait()
	for range c.r.rnd.IntN(3) {
		if err := c.r.stillborn(ctx); err != nil {
			return err
		}
	}
	if err := c.r.hub.Start(ctx); err != nil {
		return err
	}
	return c.settled(ctx)
}

// stillborn starts a Hub and kills it somewhere on its way up.
func (r *rig) stillborn(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, time.Duration(r.rnd.Int64N(int64(60*time.Millisecond))))
	defer cancel()
	if err := r.hub.Start(short); err != nil && r.hub.PID() == 0 {
		return err
	}
	return r.kill9(ctx)
}

// one starts an Instance and every third time removes it. What the Hub does
// not answer may have happened or not.
func (c *churn) one(ctx context.Context, n int) {
	records := 50 + n%8*50
	id, program := uuid.NewString(), "brief"
	s := testhub.Start{ID: id, Restart: "on-failure", Args: []any{records}}
	if n%3 == 2 {
		program = "identity"
	} else {
		c.mu.Lock()
		c.briefs[id] = records
		c.mu.Unlock()
	}
	if _, err := c.r.hub.StartInstance(ctx, c.r.sequences[program], s); err != nil {
		c.refused("start", err)
		return
	}
	c.mu.Lock()
	c.started[id] = true
	c.mu.Unlock()
	if program == "brief" {
		return
	}
	if n%2 == 0 {
		c.mu.Lock()
		c.lasting[id] = true
		c.mu.Unlock()
		return
	}
	c.mu.Lock()
	c.doomed[id] = true
	c.mu.Unlock()
	if err := c.r.hub.Kill(ctx, id, true); err != nil {
		c.refused("removal", err)
		return
	}
	c.mu.Lock()
	c.removed[id] = true
	c.mu.Unlock()
}

// refused notes what a Hub must not answer, dying or not.
func (c *churn) refused(what string, err error) {
	var status *testhub.StatusError
	if errors.As(err, &status) && status.Status != 503 {
		c.r.res.failf("%s: %v", what, err)
	}
}

// settled waits until everything brief has ended and compares what there is
// with what there has to be.
func (c *churn) settled(ctx context.Context) error {
	var list []testhub.Instance
	began := time.Now()
	for busy := true; busy; {
		var err error
		if list, err = c.r.hub.Instances(ctx); err != nil {
			return err
		}
		i := slices.IndexFunc(list, func(in testhub.Instance) bool {
			if c.briefs[in.ID] > 0 {
				return !in.Ended()
			}
			// A removal that was not answered may have come as far as the kill.
			return in.Status != "running" && !(c.doomed[in.ID] && in.Ended())
		})
		if busy = i >= 0; busy && time.Since(began) > waitRestart {
			return fmt.Errorf("instance %s hangs: %+v, %+v", list[i].ID, list[i], list[i].Terminated)
		}
		time.Sleep(5 * time.Millisecond)
	}
	c.r.res.recovered(time.Since(began))
	there := map[string]bool{}
	for _, in := range list {
		there[in.ID] = true
		if c.removed[in.ID] {
			c.r.res.failf("instance %s was removed and is back: %+v", in.ID, in)
		}
		if in.Epoch != 1 || in.Restarts != 0 {
			c.r.res.failf("instance %s was run again: %+v", in.ID, in)
		}
		if n := c.briefs[in.ID]; n > 0 {
			c.whole(ctx, in, int64(n))
		}
	}
	for id := range c.started {
		if !there[id] && (c.briefs[id] > 0 || c.lasting[id]) {
			c.r.res.failf("instance %s was started and is gone", id)
		}
	}
	if err := c.owned(ctx, list); err != nil {
		return err
	}
	return c.r.removeAll(ctx)
}

// whole looks whether a brief program has ended well, and reads what it wrote.
func (c *churn) whole(ctx context.Context, in testhub.Instance, total int64) {
	if in.Status != "completed" || in.Terminated == nil || in.Terminated.ExitCode != 0 {
		c.r.res.failf("instance %s: %s, %+v", in.ID, in.Status, in.Terminated)
	}
	out, err := c.r.hub.Output(ctx, in.ID, 0)
	if err != nil {
		c.r.res.failf("output of %s: %v", in.ID, err)
		return
	}
	defer out.Close()
	check := checkFrom(0)
	if _, err := io.Copy(check, out); err != nil {
		c.r.res.failf("output of %s: %v", in.ID, err)
	}
	check.finish(total)
	c.r.res.add("output of "+in.ID, check)
}

// owned looks whether every runner is that of an Instance, or waits.
func (c *churn) owned(ctx context.Context, list []testhub.Instance) error {
	const waiting = 1 // runners in the pool
	owner := map[int]string{}
	for _, in := range list {
		if in.Ended() {
			continue
		}
		pid, err := c.r.hub.RunnerPID(ctx, in.ID)
		if err != nil {
			return fmt.Errorf("instance %s, %s: %w", in.ID, in.Status, err)
		}
		if other := owner[pid]; other != "" {
			c.r.res.failf("instances %s and %s have the same process %d", in.ID, other, pid)
		}
		owner[pid] = in.ID
	}
	var strays []testhub.Proc
	for end := time.Now().Add(waitRestart); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		procs, err := c.r.programs()
		if err != nil {
			return err
		}
		strays = slices.DeleteFunc(procs, func(p testhub.Proc) bool { return owner[p.PID] != "" })
		if len(strays) <= waiting {
			return nil
		}
	}
	c.r.res.failf("processes of nobody: %+v", strays)
	return nil
}
