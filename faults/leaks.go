package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"waverider/internal/testhub"
)

// holdings is what a Hub holds of the machine.
type holdings struct {
	processes, hubFiles, keeperFiles, sockets, runFiles, slots int
}

func (r *rig) holdings() (h holdings, err error) {
	h.processes = len(r.hub.Family())
	if h.hubFiles, err = testhub.OpenFiles(r.hub.PID()); err != nil {
		return h, err
	}
	keeper, err := r.hub.Keeper()
	if err != nil {
		return h, err
	}
	if h.keeperFiles, err = testhub.OpenFiles(keeper); err != nil {
		return h, err
	}
	if h.sockets, err = testhub.Sockets(r.hub.DataDir()); err != nil {
		return h, err
	}
	if h.runFiles, err = testhub.Files(filepath.Join(r.hub.DataDir(), "run")); err != nil {
		return h, err
	}
	slots, err := r.hub.Slots()
	h.slots = len(slots)
	return h, err
}

// fits reports whether h is no more than before. Connections of ours come and
// go, so the Hub may have a few files more.
func (h holdings) fits(before holdings) bool {
	const connections = 8
	return h.processes <= before.processes && h.hubFiles <= before.hubFiles+connections && h.keeperFiles <= before.keeperFiles &&
		h.sockets <= before.sockets && h.runFiles <= before.runFiles && h.slots <= before.slots
}

// empty is what the Hub holds when it has run something and removed it again.
func (r *rig) empty(ctx context.Context) (holdings, error) {
	id, err := r.start(ctx, "identity", testhub.Start{})
	if err != nil {
		return holdings{}, err
	}
	if err := r.hub.Kill(ctx, id, true); err != nil {
		return holdings{}, err
	}
	var before holdings
	var since time.Time
	for ctx.Err() == nil { // until nothing has changed for a while: the pool is filled
		now, err := r.holdings()
		if err != nil {
			return now, err
		}
		if now != before {
			before, since = now, time.Now()
		} else if time.Since(since) > 500*time.Millisecond {
			return now, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	return before, ctx.Err()
}

// nothingLeft removes every Instance and notes what the Hub holds more than
// before any was there.
func (r *rig) nothingLeft(ctx context.Context, before holdings) {
	if err := r.removeAll(ctx); err != nil {
		r.res.failf("removal: %v", err)
		return
	}
	const patience = 10 * time.Second
	var now holdings
	var err error
	for end := time.Now().Add(patience); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		if now, err = r.holdings(); err == nil && now.fits(before) {
			return
		}
	}
	r.res.failf("left over: had %+v, has %+v (%v)", before, now, err)
}

func (r *rig) removeAll(ctx context.Context) error {
	list, err := r.hub.Instances(ctx)
	if err != nil {
		return err
	}
	for _, in := range list {
		if err := r.hub.Kill(ctx, in.ID, true); err != nil {
			return fmt.Errorf("remove %s: %w", in.ID, err)
		}
	}
	return nil
}

// atRest notes processes that use the processor though nothing happens.
func (r *rig) atRest(ctx context.Context) {
	const hertz, allowed = 100, 15 // clock ticks: 15 % of one core
	before := map[int]uint64{}
	for _, pid := range r.hub.Family() {
		before[pid] = testhub.CPUTicks(pid)
	}
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return
	}
	var used uint64
	for pid, ticks := range before {
		used += max(testhub.CPUTicks(pid), ticks) - ticks // one that has ended counts nothing
	}
	if used > allowed {
		r.res.failf("at rest: the Hub, its keeper and Instances use %d %% of a core", used*100/hertz)
	}
}
