package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

// family is an Instance with children that try to get away.
type family struct {
	id, policy string
	runner     int // its process
}

const (
	waitRestart = 20 * time.Second
	kin         = 4 // children of one family, those of its shell not counted
)

// families starts one Instance for each restart policy.
func (r *rig) families(ctx context.Context) ([]family, error) {
	var list []family
	for _, policy := range []string{"never", "on-failure", "always"} {
		id, err := r.start(ctx, "family", testhub.Start{Restart: policy})
		if err != nil {
			return nil, err
		}
		f := family{id: id, policy: policy}
		if f.runner, err = r.hub.RunnerPID(ctx, id); err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, r.grown(ctx, len(list))
}

// grown waits until all the children are there.
func (r *rig) grown(ctx context.Context, families int) error {
	ctx, cancel := context.WithTimeout(ctx, waitRestart)
	defer cancel()
	for {
		procs, err := r.kept()
		if err != nil {
			return err
		}
		n := 0
		for _, p := range procs {
			if p.Args[0] == "sleep" && len(p.Args) == 2 && p.Args[1] != "1" || p.Args[0] == "sh" && strings.Contains(p.Args[len(p.Args)-1], "while") {
				n++
			}
		}
		if n >= kin*families {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d of %d children of the families are there: %w", n, kin*families, ctx.Err())
		}
	}
}

// kept lists everything below the keeper.
func (r *rig) kept() ([]testhub.Proc, error) {
	keeper, err := r.hub.Keeper()
	if err != nil {
		return nil, err
	}
	procs, err := testhub.Tree(keeper)
	return slices.DeleteFunc(procs, func(p testhub.Proc) bool { return p.PID == keeper }), err
}

// programs lists the processes of Instances, and runners that wait for one.
func (r *rig) programs() ([]testhub.Proc, error) {
	procs, err := r.kept()
	return slices.DeleteFunc(procs, testhub.Proc.IsWarden), err
}

// keeperKilled takes the parent of all Instances away.
func keeperKilled(ctx context.Context, r *rig) error {
	return r.loseKeepers(ctx, func(keeper int) error {
		hub := r.hub.PID()
		if err := syscall.Kill(keeper, syscall.SIGKILL); err != nil {
			return err
		}
		if r.hub.PID() != hub {
			r.res.failf("the Hub died with its keeper")
		}
		return nil
	}, nil)
}

// bothKilled takes the Hub and the keeper away, now one first, now the other.
func bothKilled(ctx context.Context, r *rig) error {
	round := 0
	return r.loseKeepers(ctx, func(keeper int) error {
		round++
		if round%2 == 0 {
			return errors.Join(syscall.Kill(keeper, syscall.SIGKILL), r.kill9(ctx))
		}
		return errors.Join(r.kill9(ctx), syscall.Kill(keeper, syscall.SIGKILL))
	}, func() error { return r.hub.Start(ctx) })
}

// loseKeepers runs rounds in which all Instances are lost.
func (r *rig) loseKeepers(ctx context.Context, kill func(keeper int) error, restart func() error) error {
	if err := r.open(ctx, ""); err != nil {
		return err
	}
	for i := range r.rounds {
		if err := r.loseKeeper(ctx, kill, restart); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.res.round()
	}
	before, err := r.empty(ctx)
	if err != nil {
		return err
	}
	r.nothingLeft(ctx, before)
	return nil
}

func (r *rig) loseKeeper(ctx context.Context, kill func(keeper int) error, restart func() error) error {
	families, err := r.families(ctx)
	if err != nil {
		return err
	}
	procs, err := r.kept()
	if err != nil {
		return err
	}
	for _, f := range families {
		if !slices.ContainsFunc(procs, func(p testhub.Proc) bool { return f.runner == p.PID }) {
			r.res.failf("runner %d was not seen below the keeper", f.runner)
		}
	}
	keeper, err := r.hub.Keeper()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := kill(keeper); err != nil {
		return err
	}
	if restart != nil {
		r.allGone(ctx, procs, "with Hub and keeper dead")
		began = time.Now()
		if err := restart(); err != nil {
			return err
		}
	}
	if err := r.asPolicySays(ctx, families, began); err != nil {
		return err
	}
	r.allGone(ctx, procs, "after the keeper's death")
	if _, err := r.start(ctx, "identity", testhub.Start{}); err != nil {
		return fmt.Errorf("a new start: %w", err)
	}
	return r.removeAll(ctx)
}

// asPolicySays waits until every family runs again, or has ended with a reason.
func (r *rig) asPolicySays(ctx context.Context, families []family, since time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, waitRestart)
	defer cancel()
	again := 0
	for _, f := range families {
		if f.policy == "never" {
			in, err := r.hub.Await(ctx, f.id, testhub.Instance.Ended)
			if err != nil {
				return fmt.Errorf("policy never: %w", err)
			}
			if in.Status != "errored" || in.Terminated == nil || in.Terminated.Reason == "" || in.Terminated.ExitCode == 0 {
				r.res.failf("policy never: the lost instance is %s, %+v", in.Status, in.Terminated)
			}
			continue
		}
		in, err := r.hub.Await(ctx, f.id, func(in testhub.Instance) bool {
			return in.Ended() || in.Restarts > 0 && in.Status == "running"
		})
		if err != nil || in.Ended() {
			return fmt.Errorf("policy %s: not restarted: %s, %+v, %w", f.policy, in.Status, in.Terminated, err)
		}
		again++
	}
	r.res.recovered(time.Since(since))
	return r.grown(ctx, again)
}

// runnersKilled kills runners, then only a child of one.
func runnersKilled(ctx context.Context, r *rig) error {
	if err := r.open(ctx, "", "--warm-pool", "0"); err != nil {
		return err
	}
	for i := range r.rounds {
		if err := r.killRunners(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if err := r.killChild(ctx); err != nil {
			return fmt.Errorf("round %d: child: %w", i+1, err)
		}
		if err := r.removeAll(ctx); err != nil {
			return err
		}
		r.res.round()
	}
	before, err := r.empty(ctx)
	if err != nil {
		return err
	}
	r.nothingLeft(ctx, before)
	return nil
}

func (r *rig) killRunners(ctx context.Context) error {
	families, err := r.families(ctx)
	if err != nil {
		return err
	}
	procs, err := r.programs()
	if err != nil {
		return err
	}
	began := time.Now()
	for _, f := range families {
		if err := syscall.Kill(f.runner, syscall.SIGKILL); err != nil {
			return err
		}
	}
	if err := r.asPolicySays(ctx, families, began); err != nil {
		return err
	}
	r.allGone(ctx, procs, "after the runner's death")
	return nil
}

// killChild kills a child of a program that can live without it.
func (r *rig) killChild(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitRestart)
	defer cancel()
	id, err := r.start(ctx, "family", testhub.Start{})
	if err != nil {
		return err
	}
	out, err := r.hub.Output(ctx, id, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	lines := bufio.NewReader(out)
	if _, err := lines.ReadString('\n'); err != nil {
		return err
	}
	runner, err := r.hub.RunnerPID(ctx, id)
	if err != nil {
		return err
	}
	child, err := nearOf(runner)
	if err != nil {
		return err
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		return err
	}
	if line, err := lines.ReadString('\n'); err != nil || line != "near ended SIGKILL\n" {
		return fmt.Errorf("the program says %q, %w", line, err)
	}
	if now, err := r.hub.RunnerPID(ctx, id); err != nil || now != runner {
		r.res.failf("a child's death changed the runner: %d to %d, %v", runner, now, err)
	}
	return nil
}

func nearOf(runner int) (int, error) {
	tree, err := testhub.Tree(runner)
	if err != nil {
		return 0, err
	}
	for _, p := range tree {
		if p.Parent == runner && p.Args[0] == "sleep" {
			return p.PID, nil
		}
	}
	return 0, errors.New("the near child is not there")
}
