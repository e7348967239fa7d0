package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"
	"time"

	"waverider"
	"waverider/internal/testhub"
)

//go:embed programs
var programs embed.FS

// scenario is one kind of fault.
type scenario struct {
	name, about string
	short, long int           // rounds; no short ones: only when it is named
	deadline    time.Duration // of the long run
	run         func(ctx context.Context, r *rig) error
}

// shortDeadline is that of each fault in a short run.
const shortDeadline = 2 * time.Minute

// suffer runs the scenario with everything it started ended after it.
func (s scenario) suffer(ctx context.Context, binary, language string, shortRun bool, seed uint64) *result {
	deadline := s.deadline
	if shortRun {
		deadline = shortDeadline
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	r := &rig{binary: binary, language: language, short: shortRun, rounds: s.long, res: &result{name: s.name}, rnd: rand.New(rand.NewPCG(seed, 7)),
		sequences: map[string]string{}}
	if shortRun {
		r.rounds = max(1, s.short)
	}
	err := s.run(ctx, r)
	var skip skipped
	if errors.As(err, &skip) {
		r.res.skipped = string(skip)
	} else if err != nil {
		r.res.failf("%v", err)
	}
	if len(r.res.failures) > 0 && r.hub != nil {
		r.res.failf("the Hub's last words:\n%s", r.hub.LogTail(20))
	}
	r.close()
	return r.res
}

// skipped says why a fault can't be done here.
type skipped string

func (s skipped) Error() string { return "skipped: " + string(s) }

// rig is one Hub, what runs on it, and what is known of it.
type rig struct {
	binary    string
	language  string // of the programs
	short     bool
	rounds    int
	res       *result
	rnd       *rand.Rand
	hub       *testhub.Hub
	sequences map[string]string // program to Sequence
	logLimit  int64             // MiB kept of each text

	mu      sync.Mutex
	cleanup []func()
}

// defers runs f when the scenario is over, last first.
func (r *rig) defers(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleanup = append(r.cleanup, f)
}

func (r *rig) close() {
	r.mu.Lock()
	list := r.cleanup
	r.cleanup = nil
	r.mu.Unlock()
	for _, f := range slices.Backward(list) {
		f()
	}
}

// open starts the Hub. dataDir empty: a temporary one.
func (r *rig) open(ctx context.Context, dataDir string, args ...string) error {
	h, err := testhub.Open(ctx, testhub.Options{Binary: r.binary, DataDir: dataDir, Args: args})
	if err != nil {
		return err
	}
	r.hub = h
	r.defers(func() {
		if err := h.Close(); err != nil {
			r.res.failf("end of the Hub: %v", err)
		}
	})
	return nil
}

// start runs a program as an Instance.
func (r *rig) start(ctx context.Context, program string, s testhub.Start) (string, error) {
	seq := r.sequences[program]
	if seq == "" {
		var err error
		if seq, err = r.upload(ctx, program); err != nil {
			return "", fmt.Errorf("upload %s: %w", program, err)
		}
		r.sequences[program] = seq
	}
	id, err := r.hub.StartInstance(ctx, seq, s)
	if err != nil {
		return "", fmt.Errorf("start %s: %w", program, err)
	}
	return id, nil
}

func (r *rig) upload(ctx context.Context, program string) (string, error) {
	pkg, err := pack(program, r.language)
	if err != nil {
		return "", err
	}
	return r.hub.Upload(ctx, pkg)
}

func pack(program, language string) ([]byte, error) {
	suffix, make := ".js", testhub.Pack
	if language == waverider.LanguagePython {
		suffix, make = ".py", testhub.PackPython
	}
	code, err := programs.ReadFile("programs/" + program + suffix)
	if err != nil {
		return nil, err
	}
	records, err := programs.ReadFile("programs/records" + suffix)
	if err != nil {
		return nil, err
	}
	return make("faults-"+program, string(code), map[string][]byte{"records" + suffix: records})
}

// kill9 ends the Hub's process the hard way.
func (r *rig) kill9(ctx context.Context) error { return r.hub.End(ctx, syscall.SIGKILL) }

// pids maps each Instance that has not ended to its runner's process.
func (r *rig) pids(ctx context.Context) (map[string]testhub.Proc, error) {
	return pidsAt(ctx, r.hub.API)
}

func pidsAt(ctx context.Context, hub testhub.API) (map[string]testhub.Proc, error) {
	list, err := hub.Instances(ctx)
	if err != nil {
		return nil, err
	}
	pids := map[string]testhub.Proc{}
	for _, in := range list {
		if in.Ended() {
			continue
		}
		pid, err := hub.RunnerPID(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		p, err := testhub.Look(pid)
		if err != nil {
			return nil, fmt.Errorf("instance %s: process %d: %w", in.ID, pid, err)
		}
		pids[in.ID] = p
	}
	return pids, nil
}

// samePIDs notes Instances that are not what they were.
func (r *rig) samePIDs(ctx context.Context, before map[string]testhub.Proc, when string) {
	r.samePIDsAt(ctx, r.hub.API, before, when)
}

func (r *rig) samePIDsAt(ctx context.Context, hub testhub.API, before map[string]testhub.Proc, when string) {
	now, err := pidsAt(ctx, hub)
	if err != nil {
		r.res.failf("%s: %v", when, err)
		return
	}
	for id, p := range before {
		switch q, there := now[id]; {
		case !there:
			in, err := hub.Instance(ctx, id)
			r.res.failf("%s: instance %s does not run any more: %s, %+v, %v", when, id, in.Status, in.Terminated, err)
		case q.PID != p.PID || q.Started != p.Started:
			r.res.failf("%s: instance %s had process %d, has %d", when, id, p.PID, q.PID)
		}
	}
	if len(now) > len(before) {
		r.res.failf("%s: %d instances run, %d did before", when, len(now), len(before))
	}
}

// wait sleeps a random time up to limit: faults must not come in step with
// what they hit.
func (r *rig) wait(ctx context.Context, least, limit time.Duration) {
	d := least + time.Duration(r.rnd.Int64N(int64(limit-least)))
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// allGone waits until none of procs is alive, and notes those that stay.
func (r *rig) allGone(ctx context.Context, procs []testhub.Proc, when string) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		procs = slices.DeleteFunc(procs, func(p testhub.Proc) bool { return !p.Alive() })
		if len(procs) == 0 {
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
			continue
		case <-ctx.Done():
		}
		for _, p := range procs {
			r.res.failf("%s: process %d is still there: %q", when, p.PID, p.Args)
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
		}
		return
	}
}
