package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"waverider/internal/testhub"
)

// benchTopicChain joins two programs by a Topic, and the same two by a pipe.
func benchTopicChain(ctx context.Context, g *rig) ([]figure, error) {
	const (
		count = 500_000
		runs  = 5
	)
	var figures []figure
	for _, durability := range []string{"sync", "async"} { // a Topic is sync unless it was made otherwise
		var topic, pipe series
		var note string
		err := g.withHub(ctx, nil, func(h *testhub.Hub) (err error) {
			ours, err := g.topicChain(ctx, h, durability)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, ours.close()) }()
			limit, err := g.pipeChain(ctx)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, limit.close()) }()
			for range 2 { // node compiles what it sees often
				if _, _, err := inTurn(1, ours.times(count), limit.times(count)); err != nil {
					return err
				}
			}
			ours.cpu, limit.cpu = nil, nil
			topic, pipe, err = inTurn(runs, ours.times(count), limit.times(count))
			note = fmt.Sprintf("microseconds of a processor for each record: %s; with the pipe %s", ours.cost(runs*count), limit.cost(runs*count))
			return err
		})
		if err != nil {
			return figures, fmt.Errorf("%s: %w", durability, err)
		}
		rate := func(d time.Duration) float64 { return count / d.Seconds() }
		figures = append(figures, figure{Name: "Node to Topic to Node, " + durability, Unit: "/s", More: true, Value: rate(topic.median()),
			Limit: rate(pipe.median()), LimitName: "the same two, joined by a pipe", RatioGoal: 0.7,
			Note: fmt.Sprintf("%d runs of %d records of 100 bytes, best %s, worst %s; %s", runs, count,
				quantity(rate(topic.quantile(0)), "/s"), quantity(rate(topic.quantile(1)), "/s"), note)})
	}
	return figures, nil
}

// chain is two programs: the first makes records when told to, the second says
// when it has the last of them.
type chain struct {
	*duplex
	lines *bufio.Reader
	next  int
	pids  []int    // of the two, and of what else takes part
	cpu   []uint64 // clock ticks of each in the runs so far
}

func newChain(d *duplex, pids ...int) *chain {
	const first = 1_000_000_000 // so that all numbers have as many digits
	return &chain{duplex: d, lines: bufio.NewReader(d.out), next: first, pids: pids}
}

// cost is what each process took for each of n records.
func (c *chain) cost(n int) string {
	var b strings.Builder
	for i, name := range []string{"first", "second", "Hub"}[:len(c.pids)] {
		fmt.Fprintf(&b, ", %s %.2f", name, float64(c.cpu[i])/clockTicks*1e6/float64(n))
	}
	return b.String()[2:]
}

// spend adds the processor time since before.
func (c *chain) spend(before []uint64) {
	if c.cpu == nil {
		c.cpu = make([]uint64, len(c.pids))
	}
	for i, now := range c.ticks() {
		c.cpu[i] += now - before[i]
	}
}

func (c *chain) ticks() (ticks []uint64) {
	for _, pid := range c.pids {
		ticks = append(ticks, testhub.CPUTicks(pid))
	}
	return ticks
}

// times is the time that count records take.
func (c *chain) times(count int) func() (time.Duration, error) {
	return func() (time.Duration, error) {
		began, before := time.Now(), c.ticks()
		defer func() { c.spend(before) }()
		if _, err := fmt.Fprintf(c.in, `{"from":%d,"count":%d}`+"\n", c.next, count); err != nil {
			return 0, err
		}
		c.next += count
		line, err := c.lines.ReadString('\n')
		took := time.Since(began)
		if want := fmt.Sprintf(`{"done":%d}`+"\n", c.next-1); err == nil && line != want {
			err = fmt.Errorf("the second program said %q, not %q", line, want)
		}
		return took, err
	}
}

// topicChain joins the two by a Topic.
func (g *rig) topicChain(ctx context.Context, h *testhub.Hub, durability string) (*chain, error) {
	const topic = "bench.chain"
	if err := h.CreateTopic(ctx, benchTopic(topic, durability)); err != nil {
		return nil, err
	}
	var ids []string
	var pids []int
	for _, c := range []struct {
		program string
		start   testhub.Start
	}{{"chain-source.js", testhub.Start{OutputTopic: topic}}, {"chain-sink.js", testhub.Start{InputTopic: topic}}} {
		seq, err := g.upload(ctx, h, c.program)
		if err != nil {
			return nil, err
		}
		id, err := h.StartInstance(ctx, seq, c.start)
		if err != nil {
			return nil, err
		}
		pid, err := h.RunnerPID(ctx, id)
		if err != nil {
			return nil, err
		}
		ids, pids = append(ids, id), append(pids, pid)
	}
	in, err := h.Input(ctx, ids[0], testhub.NDJSON, -1, false)
	if err != nil {
		return nil, err
	}
	out, err := h.Output(ctx, ids[1], 0)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	d := &duplex{in: in, out: out, close: func() error { return errors.Join(in.Close(), out.Close()) }}
	return newChain(d, append(pids, h.PID())...), nil
}

// pipeChain joins the two by a pipe.
func (g *rig) pipeChain(ctx context.Context) (*chain, error) {
	source := g.nodeCommand(ctx, g.program("bare-chain.js"), g.program("chain-source.js"))
	sink := g.nodeCommand(ctx, g.program("bare-chain.js"), g.program("chain-sink.js"))
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	source.Stdout, sink.Stdin = w, r
	in, inErr := source.StdinPipe()
	out, outErr := sink.StdoutPipe()
	if err := errors.Join(inErr, outErr, source.Start()); err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	if err := errors.Join(sink.Start(), r.Close(), w.Close()); err != nil {
		_ = source.Process.Kill()
		_ = source.Wait() // killed: always an error
		return nil, err
	}
	d := &duplex{in: in, out: out, close: func() error {
		_, _ = source.Process.Kill(), sink.Process.Kill()
		_, _ = source.Wait(), sink.Wait() // killed: always an error
		return nil
	}}
	return newChain(d, source.Process.Pid, sink.Process.Pid), nil
}
