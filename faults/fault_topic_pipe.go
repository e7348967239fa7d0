package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// pipe is a program between two Topics, and what it makes of its input.
type pipe struct {
	program string
	ack     string
	repeats bool // a kill may make it give records again
	want    func(in []tally.ID) []tally.ID
	id      string // of its Instance
	out     string // Topic
}

func pipes() []*pipe {
	same := func(in []tally.ID) []tally.ID { return in }
	return []*pipe{
		{program: "map", want: same},
		{program: "filter", want: evenOnes},
		{program: "expand", want: expanded},
		{program: "window", ack: "save", want: wholeWindows},
		{program: "parallel", repeats: true, want: same},
	}
}

func evenOnes(in []tally.ID) (out []tally.ID) {
	for _, id := range in {
		if id.Write%2 == 0 {
			out = append(out, id)
		}
	}
	return out
}

func expanded(in []tally.ID) (out []tally.ID) {
	for _, id := range in {
		for k := range 1 + int(id.Write%3) {
			id.Part = k + 1
			out = append(out, id)
		}
	}
	return out
}

// windowSize is how many records the program window gathers.
const windowSize = 10

func wholeWindows(in []tally.ID) []tally.ID { return in[:len(in)-len(in)%windowSize] }

// topicPipeHub ends the Hub, mostly the hard way.
func topicPipeHub(ctx context.Context, r *rig) error {
	return r.pipesKilled(ctx, func(ctx context.Context, _ []*pipe) (time.Time, error) {
		end := r.kill9
		if r.rnd.IntN(4) == 0 {
			end = func(ctx context.Context) error { return r.endWithin(ctx, syscall.SIGTERM, 10*time.Second) }
		}
		if err := end(ctx); err != nil {
			return time.Time{}, err
		}
		r.wait(ctx, time.Millisecond, 100*time.Millisecond)
		began := time.Now()
		return began, r.hub.Start(ctx)
	})
}

func topicPipeRunner(ctx context.Context, r *rig) error {
	return r.pipesKilled(ctx, func(ctx context.Context, list []*pipe) (time.Time, error) {
		for _, p := range list {
			pid, err := r.hub.RunnerPID(ctx, p.id)
			if err != nil {
				return time.Time{}, err
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return time.Time{}, fmt.Errorf("kill %s: %w", p.program, err)
			}
		}
		return time.Now(), nil
	})
}

// topicPipeBoth kills programs while the Hub is away, or just before: neither
// can tell the next one what it did last.
func topicPipeBoth(ctx context.Context, r *rig) error {
	return r.pipesKilled(ctx, func(ctx context.Context, list []*pipe) (time.Time, error) {
		pids := map[string]int{}
		for _, p := range list {
			pid, err := r.hub.RunnerPID(ctx, p.id)
			if err != nil {
				return time.Time{}, err
			}
			pids[p.id] = pid
		}
		after := r.rnd.IntN(2) == 0
		if after {
			if err := r.kill9(ctx); err != nil {
				return time.Time{}, err
			}
		}
		for id, pid := range pids {
			if r.rnd.IntN(3) == 0 {
				continue // this one lives on
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return time.Time{}, fmt.Errorf("kill instance %s: %w", id, err)
			}
		}
		if !after {
			r.wait(ctx, 0, 20*time.Millisecond)
			if err := r.kill9(ctx); err != nil {
				return time.Time{}, err
			}
		}
		r.wait(ctx, time.Millisecond, 100*time.Millisecond)
		began := time.Now()
		return began, r.hub.Start(ctx)
	})
}

// killsPerSet is how often one set of programs is killed: the restart policy
// gives up on a program that dies more often, and waits ever longer before.
const killsPerSet = 4

// pipesKilled runs programs between Topics and kills again and again; kill
// answers when the way back began.
func (r *rig) pipesKilled(ctx context.Context, kill func(context.Context, []*pipe) (time.Time, error)) error {
	if err := r.open(ctx, "", "--warm-pool", "2"); err != nil {
		return err
	}
	for done := 0; done < r.rounds; done += killsPerSet {
		if err := r.pipeSet(ctx, done/killsPerSet, min(killsPerSet, r.rounds-done), kill); err != nil {
			return fmt.Errorf("after %d rounds: %w", r.res.rounds, err)
		}
	}
	return nil
}

// pipeSet is one set of programs with Topics of their own.
func (r *rig) pipeSet(ctx context.Context, set, kills int, kill func(context.Context, []*pipe) (time.Time, error)) error {
	in, err := r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("in-%d", set)})
	if err != nil {
		return err
	}
	list := pipes()
	for _, p := range list {
		p.out = fmt.Sprintf("out-%s-%d", p.program, set)
		p.id, err = r.start(ctx, p.program, testhub.Start{InputTopic: in.name, OutputTopic: p.out, Ack: p.ack, Restart: "always"})
		if err != nil {
			return err
		}
	}
	for range 3 {
		in.produce(ctx, 300, 4*time.Millisecond, sendSmall)
	}
	if err := r.pipesFlow(ctx, list); err != nil {
		return err
	}
	for range kills {
		r.wait(ctx, 50*time.Millisecond, 400*time.Millisecond)
		began, err := kill(ctx, list)
		if err != nil {
			return err
		}
		if err := r.pipesFlow(ctx, list); err != nil {
			return err
		}
		r.res.recovered(time.Since(began))
		r.res.round()
	}
	if err := in.finish(ctx); err != nil {
		return err
	}
	if err := r.checkPipes(ctx, in, list); err != nil {
		return err
	}
	if err := r.removeAll(ctx); err != nil {
		return err
	}
	for _, name := range append([]string{in.name}, outputs(list)...) {
		if err := r.hub.JSON(ctx, http.MethodDelete, "/topics/"+name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func outputs(list []*pipe) (names []string) {
	for _, p := range list {
		names = append(names, p.out)
	}
	return names
}

// pipesFlow waits until every program gives records.
func (r *rig) pipesFlow(ctx context.Context, list []*pipe) error {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	for _, p := range list {
		if err := r.nextRecord(ctx, p.out); err != nil {
			in, _ := r.hub.Instance(context.WithoutCancel(ctx), p.id)
			return fmt.Errorf("%s gives no records: %w; it is %s, %s", p.program, err, in.Status, in.Error)
		}
	}
	return nil
}

// nextRecord waits for a record that comes now.
func (r *rig) nextRecord(ctx context.Context, name string) error {
	out, err := r.hub.ReadTopic(ctx, name, "?from=new")
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = bufio.NewReader(out).ReadByte()
	return err
}
