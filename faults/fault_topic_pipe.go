package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
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

func topicPipeHub(ctx context.Context, r *rig) error {
	return r.pipesKilled(ctx, func(ctx context.Context, _ []*pipe) (time.Time, error) {
		if err := r.kill9(ctx); err != nil {
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

// pipesKilled runs programs between Topics and kills again and again; kill
// answers when the way back began.
func (r *rig) pipesKilled(ctx context.Context, kill func(context.Context, []*pipe) (time.Time, error)) error {
	if err := r.open(ctx, "", "--warm-pool", "2"); err != nil {
		return err
	}
	in, err := r.newTopic(ctx, testhub.Topic{ID: "in"})
	if err != nil {
		return err
	}
	list := pipes()
	for _, p := range list {
		p.out = "out-" + p.program
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
	for i := range r.rounds {
		r.wait(ctx, 50*time.Millisecond, 400*time.Millisecond)
		began, err := kill(ctx, list)
		if err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if err := r.pipesFlow(ctx, list); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.res.recovered(time.Since(began))
		r.res.round()
	}
	if err := in.finish(ctx); err != nil {
		return err
	}
	return r.checkPipes(ctx, in, list)
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

// checkPipes holds every output against what had to be made of the input.
func (r *rig) checkPipes(ctx context.Context, in *topic, list []*pipe) error {
	c, err := in.contents(ctx)
	if err != nil {
		return err
	}
	found, _ := in.book.Check(c)
	r.res.took("topic "+in.name, found)
	for _, p := range list {
		want := p.want(c.IDs)
		records := len(want)
		if p.program == "window" {
			records /= windowSize
		}
		found, err := r.awaitOutput(ctx, p, want, int64(records))
		if err != nil {
			return err
		}
		if p.repeats && found.Duplicated > 0 {
			r.res.notef("%s gave %d of %d records again", p.program, found.Duplicated, found.Records)
			found.Duplicated = 0
		}
		r.res.took(p.program, found)
	}
	return nil
}

// awaitOutput waits until an output is whole, or no more comes of it.
func (r *rig) awaitOutput(ctx context.Context, p *pipe, want []tally.ID, records int64) (found tally.Findings, err error) {
	for end := time.Now().Add(waitFlow); ; {
		if err := r.awaitTotal(ctx, p.out, records); err != nil {
			r.res.failf("%s: %v", p.program, err)
		}
		got, corrupt, err := r.outputOf(ctx, p)
		if err != nil {
			return found, err
		}
		found = tally.Compare(want, got)
		found.Corrupt += corrupt
		if found.Lost == 0 || !p.repeats || time.Now().After(end) {
			return found, nil
		}
	}
}

// awaitTotal waits until a Topic has as many records as it must, and for a
// moment more, in which there must not come more.
func (r *rig) awaitTotal(ctx context.Context, name string, total int64) error {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	for {
		info, err := r.hub.TopicInfo(ctx, name)
		if err != nil {
			return err
		}
		enough := info.Total >= total
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("topic %s has %d records and does not get %d: %w", name, info.Total, total, ctx.Err())
		}
		if enough {
			return nil
		}
	}
}

// outputOf reads what a program gave. Windows are taken apart.
func (r *rig) outputOf(ctx context.Context, p *pipe) (ids []tally.ID, corrupt int64, err error) {
	out, err := r.hub.ReadTopic(ctx, p.out, "?from=start&follow=false")
	if err != nil {
		return nil, 0, err
	}
	defer out.Close()
	if p.program != "window" {
		c, err := tally.ReadAll(out)
		return c.IDs, c.Corrupt, err
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var w struct {
			Window int        `json:"window"`
			Of     [][2]int64 `json:"of"`
		}
		if json.Unmarshal(lines.Bytes(), &w) != nil || w.Window != n || len(w.Of) != windowSize {
			corrupt++
		}
		for _, id := range w.Of {
			ids = append(ids, tally.ID{Producer: int(id[0]), Write: id[1]})
		}
	}
	return ids, corrupt, lines.Err()
}
