package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"waverider/internal/testhub"
)

// benchIdle weighs a Hub that has nothing to do, and its keeper.
func benchIdle(ctx context.Context, g *rig) ([]figure, error) {
	var hub, keeper int64
	err := g.withHub(ctx, []string{"--warm-pool", "0"}, func(h *testhub.Hub) error {
		if _, err := h.Keeper(); err != nil { // it comes with the first Instance
			if err := g.startAndRemove(ctx, h); err != nil {
				return err
			}
		}
		if err := pause(ctx, 3*time.Second); err != nil {
			return err
		}
		pid, err := h.Keeper()
		if err != nil {
			return err
		}
		keeper, err = testhub.PSS(pid)
		if err != nil {
			return err
		}
		hub, err = testhub.PSS(h.PID())
		return err
	})
	if err != nil {
		return nil, err
	}
	floor, err := g.serverPSS(ctx, 0)
	return []figure{{Name: "idle memory, Hub + keeper", Value: megabytes(hub + keeper), Unit: "MB", Goal: 32,
		Limit: megabytes(floor), LimitName: "bare Go server",
		Note: fmt.Sprintf("PSS: Hub %.1f, keeper %.1f MB", megabytes(hub), megabytes(keeper))}}, err
}

func (g *rig) startAndRemove(ctx context.Context, h *testhub.Hub) error {
	seq, err := g.upload(ctx, h, "instant.js")
	if err != nil {
		return err
	}
	if _, err := timeStart(ctx, h, seq); err != nil {
		return err
	}
	return settle(ctx, h)
}

func (g *rig) serverPSS(ctx context.Context, children int) (int64, error) {
	f, err := g.startFloor(ctx, "__server", "127.0.0.1:0", strconv.Itoa(children))
	if err != nil {
		return 0, err
	}
	defer f.close()
	if err := pause(ctx, time.Second); err != nil {
		return 0, err
	}
	return testhub.PSS(f.cmd.Process.Pid)
}

// benchHubMemory weighs the Hub without and with running Instances.
func benchHubMemory(ctx context.Context, g *rig) ([]figure, error) {
	const instances = 50
	var before, after, keeper int64
	err := g.withHub(ctx, []string{"--warm-pool", "0"}, func(h *testhub.Hub) error {
		if err := g.startAndRemove(ctx, h); err != nil { // code paths and buffers of the first start
			return err
		}
		seq, err := g.upload(ctx, h, "identity.js")
		if err != nil {
			return err
		}
		if before, err = testhub.PSS(h.PID()); err != nil {
			return err
		}
		err = together(ctx, instances, 4, func(ctx context.Context) error {
			_, err := h.StartInstance(ctx, seq, testhub.Start{})
			return err
		})
		if err := errors.Join(err, pause(ctx, 3*time.Second)); err != nil {
			return err
		}
		pid, err := h.Keeper()
		if err != nil {
			return err
		}
		if keeper, err = testhub.PSS(pid); err != nil {
			return err
		}
		after, err = testhub.PSS(h.PID())
		return err
	})
	if err != nil {
		return nil, err
	}
	alone, err := g.serverPSS(ctx, 0)
	if err != nil {
		return nil, err
	}
	crowd, err := g.serverPSS(ctx, instances)
	return []figure{{Name: "Hub memory per Instance", Value: megabytes(after-before) / instances, Unit: "MB", Goal: 1,
		Limit: megabytes(crowd-alone) / instances, LimitName: "Go server, pipes of one child",
		Note: fmt.Sprintf("PSS of the Hub %.1f MB without, %.1f with %d; keeper %.1f with", megabytes(before), megabytes(after), instances, megabytes(keeper))}}, err
}

// benchNodeMemory weighs the process tree of one Instance that waits for input.
func benchNodeMemory(ctx context.Context, g *rig) ([]figure, error) {
	var figures []figure
	bare, err := g.barePSS(ctx, g.node, "-e", "setInterval(() => {}, 1e9)")
	if err != nil {
		return nil, err
	}
	for _, c := range []struct {
		program, name string
		goal          float64
	}{{"identity.js", "idle Node Instance", 45}, {"scramjet.js", "idle Node Instance, scramjet loaded", 55}} {
		w, err := g.weigh(ctx, c.program)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		figures = append(figures, figure{Name: c.name, Value: megabytes(w.pss), Unit: "MB", Goal: c.goal,
			Limit: megabytes(bare), LimitName: "bare node, waiting",
			Note: fmt.Sprintf("PSS of %d processes; RSS %.1f MB (code pages are shared with other node processes of the machine); once a Hub, a warden of %.1f MB",
				w.processes, megabytes(w.rss), megabytes(w.warden))})
	}
	return figures, nil
}

// weight of an Instance's process tree.
type weight struct {
	pss, rss  int64
	processes int
	warden    int64 // PSS of the keeper's, which is no part of the tree
}

// weigh runs a program and weighs all that is below the keeper but its warden.
func (g *rig) weigh(ctx context.Context, program string) (w weight, err error) {
	err = g.withHub(ctx, []string{"--warm-pool", "0"}, func(h *testhub.Hub) error {
		id, err := g.instance(ctx, h, program)
		if err != nil {
			return err
		}
		if _, err := h.Await(ctx, id, func(in testhub.Instance) bool { return in.Status == "running" }); err != nil {
			return err
		}
		if err := pause(ctx, 3*time.Second); err != nil {
			return err
		}
		w, err = belowKeeper(h)
		return err
	})
	return w, err
}

func belowKeeper(h *testhub.Hub) (w weight, err error) {
	keeper, err := h.Keeper()
	if err != nil {
		return w, err
	}
	tree, err := testhub.Tree(keeper)
	if err != nil {
		return w, err
	}
	var pids []int
	for _, p := range tree {
		switch {
		case p.PID == keeper:
		case p.IsWarden():
			if w.warden, err = testhub.PSS(p.PID); err != nil {
				return w, err
			}
		default:
			pids = append(pids, p.PID)
		}
	}
	if w.processes = len(pids); w.processes == 0 {
		return w, errors.New("the Instance has no process")
	}
	if w.pss, err = testhub.PSS(pids...); err != nil {
		return w, err
	}
	w.rss, err = testhub.RSS(pids...)
	return w, err
}

// barePSS weighs an interpreter that waits.
func (g *rig) barePSS(ctx context.Context, name string, args ...string) (int64, error) {
	d := g.command(ctx, name, args...)
	if err := d.Start(); err != nil {
		return 0, err
	}
	defer func() {
		_ = d.Process.Kill()
		_ = d.Wait() // killed: always an error
	}()
	if err := pause(ctx, time.Second); err != nil {
		return 0, err
	}
	return testhub.PSS(d.Process.Pid)
}

// pause lets things come to rest before they are weighed.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
