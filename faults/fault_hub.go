package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"waverider/internal/testhub"
)

// scenarios in the order they run.
var scenarios = []scenario{
	{"hub", "kill -9 of the Hub again and again, under load", 6, 20, 10 * time.Minute, hubKilled},
	{"churn", "kill -9 of the Hub while programs start and end, and while it comes up", 5, 40, 5 * time.Minute, churned},
	{"upgrade", "SIGTERM and start of another binary, under load", 3, 10, 5 * time.Minute, upgraded},
	{"exit", "SIGINT, and SIGTERM with --kill-on-exit, end everything", 1, 3, 3 * time.Minute, exited},
	{"keeper", "kill -9 of the keeper", 2, 5, 3 * time.Minute, keeperKilled},
	{"both", "kill -9 of Hub and keeper", 2, 5, 3 * time.Minute, bothKilled},
	{"runner", "kill -9 of runners and of their children", 2, 5, 3 * time.Minute, runnersKilled},
	{"crash", "a program that fails again and again", 1, 1, 6 * time.Minute, crashing},
	{"disk", "a full disk", 1, 3, 5 * time.Minute, diskFull},
	{"topic-sync", "kill -9 of the Hub while Topics are written and read", 20, 200, 15 * time.Minute, topicSyncKilled},
	{"topic-async", "the same with Topics that may lose the last second", 6, 200, 15 * time.Minute, topicAsyncKilled},
	{"topic-pipe", "kill -9 of the Hub while programs run between Topics", 6, 60, 10 * time.Minute, topicPipeHub},
	{"topic-slot", "kill -9 of programs between Topics", 3, 40, 10 * time.Minute, topicPipeRunner},
	{"topic-both", "kill -9 of the Hub and of programs between Topics", 4, 40, 10 * time.Minute, topicPipeBoth},
	{"topic-group", "kill -9 of the Hub under groups of readers", 4, 40, 10 * time.Minute, topicGroupsKilled},
	{"topic-readers", "readers that stand still, and requests that are wrong", 1, 5, 10 * time.Minute, topicReadersStuck},
	{"topic-disk", "a full disk under Topics, seen coming and not", 1, 5, 10 * time.Minute, topicDiskFull},
	{"topic-damage", "damaged files of Topics", 1, 2, 10 * time.Minute, topicsDamaged},
	{"link-cut", "the Link of a Hub cut for 2 s and for a minute", 2, 6, 10 * time.Minute, linkCut},
	{"link-kill", "kill -9 of a Hub, its Space and both, under load", 9, 30, 15 * time.Minute, linkKilled},
	{"link-clone", "a copy of a Hub beside it", 1, 3, 5 * time.Minute, linkCloned},
	{"link-backlog", "a million records stored while the Link is cut", 0, 2, 15 * time.Minute, linkBacklog},
	{"link-silent", "a way that lets nothing through and tells nobody, or one side only", 0, 3, 10 * time.Minute, linkSilent},
	{"link-down", "a network that is down", 0, 2, 10 * time.Minute, linkDown},
	{"link-move", "a Hub gets another address", 0, 5, 10 * time.Minute, linkMoved},
	{"link-flap", "a way that comes and goes for 2 minutes", 0, 2, 10 * time.Minute, linkFlaps},
	{"link-far", "round trips of 0.5, 1.2 and 2.4 s", 0, 1, 10 * time.Minute, linkFar},
	{"link-loss", "2 % of the packets are lost", 0, 2, 10 * time.Minute, linkLossy},
	{"link-disk", "a full disk under a Hub that is cut off", 0, 2, 10 * time.Minute, linkDiskFull},
	{"link-tail", "a Hub that lost the end of what it had stored", 0, 2, 10 * time.Minute, linkTail},
	{"link-stop", "SIGSTOP of the Space and of a Hub for 30 s", 0, 2, 10 * time.Minute, linkStopped},
}

// hubKilled kills the Hub under every kind of stream and looks whether
// anybody noticed.
func hubKilled(ctx context.Context, r *rig) error {
	r.logLimit = 256
	if err := r.open(ctx, "", "--log-limit", "256", "--warm-pool", "2"); err != nil {
		return err
	}
	before, err := r.empty(ctx)
	if err != nil {
		return err
	}
	l, err := newLoad(ctx, r)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		if err := l.kill(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.samePIDs(ctx, l.pids, fmt.Sprintf("after kill %d", i+1))
		r.res.round()
	}
	if err := l.finish(ctx); err != nil {
		return err
	}
	r.atRest(ctx)
	r.nothingLeft(ctx, before)
	return nil
}

// kill is one round: everything flows, the Hub dies, a new one comes.
func (l *load) kill(ctx context.Context) error {
	if err := l.flood(ctx); err != nil {
		return err
	}
	l.r.wait(ctx, 20*time.Millisecond, 300*time.Millisecond)
	killed := time.Now()
	if err := l.r.kill9(ctx); err != nil {
		return err
	}
	l.r.wait(ctx, time.Millisecond, 200*time.Millisecond)
	return l.back2life(ctx, killed)
}

// back2life starts the Hub and takes the time until every stream flows.
func (l *load) back2life(ctx context.Context, down time.Time) error {
	began := time.Now()
	if err := l.r.hub.Start(ctx); err != nil {
		return err
	}
	at, err := l.flowsAgain(ctx, down)
	if err != nil {
		return err
	}
	l.r.res.recovered(at.Sub(began))
	return l.halt(ctx)
}

// upgraded ends the Hub politely and starts another file of the same program.
func upgraded(ctx context.Context, r *rig) error {
	r.logLimit = 256
	if err := r.open(ctx, "", "--log-limit", "256"); err != nil {
		return err
	}
	l, err := newLoad(ctx, r)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		if err := l.upgrade(ctx, i); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.samePIDs(ctx, l.pids, fmt.Sprintf("after upgrade %d", i+1))
		r.res.round()
	}
	return l.finish(ctx)
}

func (l *load) upgrade(ctx context.Context, round int) error {
	binary, err := l.r.copyBinary(round)
	if err != nil {
		return err
	}
	if err := l.flood(ctx); err != nil {
		return err
	}
	l.r.wait(ctx, 20*time.Millisecond, 300*time.Millisecond)
	down := time.Now()
	if err := l.r.endWithin(ctx, syscall.SIGTERM, 10*time.Second); err != nil {
		return err
	}
	l.r.hub.SetBinary(binary)
	return l.back2life(ctx, down)
}

// copyBinary makes the file that the next Hub runs from.
func (r *rig) copyBinary(n int) (string, error) {
	dir, err := os.MkdirTemp("", "wr-binary-")
	if err != nil {
		return "", err
	}
	r.defers(func() { _ = os.RemoveAll(dir) }) // a temporary folder
	from, err := os.Open(r.binary)
	if err != nil {
		return "", err
	}
	defer from.Close()
	path := filepath.Join(dir, fmt.Sprintf("waverider-%d", n))
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(to, from)
	return path, errors.Join(err, to.Close())
}

// endWithin sends a signal that the Hub must heed with exit code 0.
func (r *rig) endWithin(ctx context.Context, sig syscall.Signal, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := r.hub.End(ctx, sig); err != nil {
		return fmt.Errorf("%v: %w", sig, err)
	}
	return nil
}

// exited ends Hubs so that nothing of them may stay.
func exited(ctx context.Context, r *rig) error {
	for range r.rounds {
		for _, c := range []struct {
			sig  syscall.Signal
			args []string
		}{{syscall.SIGINT, nil}, {syscall.SIGTERM, []string{"--kill-on-exit"}}} {
			if err := r.exit(ctx, c.sig, c.args); err != nil {
				return fmt.Errorf("%v %v: %w", c.sig, c.args, err)
			}
			r.res.round()
		}
	}
	return nil
}

func (r *rig) exit(ctx context.Context, sig syscall.Signal, args []string) error {
	r.sequences = map[string]string{} // it is another Hub
	if err := r.open(ctx, "", args...); err != nil {
		return err
	}
	if _, err := r.families(ctx); err != nil {
		return err
	}
	busy, err := r.start(ctx, "generator", testhub.Start{Restart: "always"})
	if err != nil {
		return err
	}
	keeper, err := r.hub.Keeper()
	if err != nil {
		return err
	}
	procs, err := testhub.Tree(keeper)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := r.endWithin(ctx, sig, 20*time.Second); err != nil {
		return err
	}
	r.allGone(ctx, procs, sig.String())
	r.res.recovered(time.Since(began))
	if err := r.hub.Start(ctx); err != nil {
		return err
	}
	in, err := r.hub.Instance(ctx, busy)
	if err == nil && !in.Ended() {
		r.res.failf("%v: instance %s is %s after the next start", sig, busy, in.Status)
	}
	return err
}
