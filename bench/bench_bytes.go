package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"waverider/internal/testhub"
)

// benchLatency sends one line at a time over one open request and waits for
// it on one open answer.
func benchLatency(ctx context.Context, g *rig) ([]figure, error) {
	f, err := g.latency(ctx, passage{program: "identity.js", contentType: "text/plain", relay: true,
		bare: []string{g.program("bare.js"), g.program("identity.js"), "text"}})
	if err != nil {
		return nil, err
	}
	f.Name, f.Goal, f.LimitName = "line in to line out, p50", 0.14, "relay to bare node"
	return []figure{f}, nil
}

func (g *rig) latency(ctx context.Context, p passage) (figure, error) {
	const (
		blocks = 8 // Hub and relay in turn
		trips  = 500
	)
	line := append(bytes.Repeat([]byte("x"), lineSize-1), '\n')
	var ours, floor series
	err := p.open(ctx, g, func(hub, limit *duplex) error {
		for block := range blocks {
			s, err := hub.latency(line, trips)
			if err != nil {
				return fmt.Errorf("hub: %w", err)
			}
			t, err := limit.latency(line, trips)
			if err != nil {
				return fmt.Errorf("relay: %w", err)
			}
			if block >= blocks/2 { // before, node compiles what it sees often
				ours, floor = append(ours, s...), append(floor, t...)
			}
		}
		return nil
	})
	return figure{Value: millis(ours.median()), Unit: "ms", Limit: millis(floor.median()),
		Note: fmt.Sprintf("n=%d, p99 %.3f ms; relay p99 %.3f ms", len(ours), millis(ours.quantile(0.99)), millis(floor.quantile(0.99)))}, err
}

// passage is one program fed over the Hub and beside it.
type passage struct {
	program     string   // on the Hub
	contentType string   //
	bare        []string // the bare program and its arguments, for the limit
	relay       bool     // the limit is taken over the relay, else on pipes
	runs        int
}

// open runs the program both ways and lets use have them.
func (p passage) open(ctx context.Context, g *rig, use func(hub, limit *duplex) error) error {
	return g.withHub(ctx, nil, func(h *testhub.Hub) (err error) {
		id, err := g.instance(ctx, h, p.program)
		if err != nil {
			return err
		}
		hub, err := hubDuplex(ctx, h, id, p.contentType)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, hub.close()) }()
		open := g.pipeDuplex
		if p.relay {
			open = g.relayDuplex
		}
		limit, err := open(ctx, p.bare...)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, limit.close()) }()
		return use(hub, limit)
	})
}

// outcome of a passage: timings over the Hub and of the limit, taken in turn.
type outcome struct {
	hub, limit       series
	hubCPU, limitCPU uint64 // clock ticks of the program in all runs
}

func (p passage) run(ctx context.Context, g *rig, data []byte) (o outcome, err error) {
	err = p.open(ctx, g, func(hub, limit *duplex) (err error) {
		if err := hub.prepare(data); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
		if err := limit.prepare(data); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
		o.hub, o.limit, err = inTurn(p.runs,
			func() (time.Duration, error) { return hub.spent(data, &o.hubCPU) },
			func() (time.Duration, error) { return limit.spent(data, &o.limitCPU) })
		return err
	})
	return o, err
}

// figure is what was measured of count things.
func (o outcome) figure(name, unit string, count int, per float64) figure {
	rate := func(d time.Duration) float64 { return float64(count) / d.Seconds() / per }
	return figure{Name: name, Unit: unit, More: true, Value: rate(o.hub.median()), Limit: rate(o.limit.median()),
		Note: fmt.Sprintf("%d runs, best %s, worst %s; processor time of the program %.2f of that in the limit", len(o.hub),
			quantity(rate(o.hub.quantile(0)), unit), quantity(rate(o.hub.quantile(1)), unit),
			float64(o.hubCPU)/float64(max(o.limitCPU, 1)))}
}

// benchBytes moves bytes that are all different from each other.
func benchBytes(ctx context.Context, g *rig) ([]figure, error) {
	data := make([]byte, 256<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	o, err := passage{program: "identity.js", contentType: "application/octet-stream", relay: true, runs: 5,
		bare: []string{g.program("bare.js"), g.program("identity.js")}}.run(ctx, g, data)
	if err != nil {
		return nil, err
	}
	f := o.figure("256 MB through identity", "MB/s", len(data), mega)
	f.Goal, f.RatioGoal, f.LimitName = 450, 1, "relay to bare node"
	f.Note += "; SHA-256 of one run more is right"
	return []figure{f}, nil
}

const lineSize = 100

// benchText moves lines as text.
func benchText(ctx context.Context, g *rig) ([]figure, error) {
	data := textLines(1_000_000)
	o, err := passage{program: "identity.js", contentType: "text/plain", relay: true, runs: 5,
		bare: []string{g.program("bare.js"), g.program("identity.js"), "text"}}.run(ctx, g, data)
	if err != nil {
		return nil, err
	}
	f := o.figure("100-byte text lines", "/s", len(data)/lineSize, 1)
	f.Goal, f.LimitName = 2_500_000, "relay to bare node"
	return []figure{f}, nil
}

// benchObjects moves JSON objects through a program that hands its input on
// and one that iterates over it.
func benchObjects(ctx context.Context, g *rig) ([]figure, error) {
	data := objectLines(1_000_000)
	var figures []figure
	for _, c := range []struct{ program, name string }{
		{"objects.js", "NDJSON, async (input) => input"}, {"generator.js", "NDJSON, async function*"},
	} {
		o, err := passage{program: c.program, contentType: "application/x-ndjson", runs: 3,
			bare: []string{g.program("bare-objects.js")}}.run(ctx, g, data)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		f := o.figure(c.name, "/s", len(data)/lineSize, 1)
		f.Goal, f.RatioGoal, f.LimitName = 400_000, 0.8, "bare loop on pipes"
		figures = append(figures, f)
	}
	return figures, nil
}

func textLines(n int) []byte {
	words := bytes.Repeat([]byte("waves come in from the open sea "), 4)
	data := make([]byte, 0, n*lineSize)
	for i := range n {
		data = fmt.Appendf(data, "%010d ", i)
		data = append(data, words[i%32:][:lineSize-12]...)
		data = append(data, '\n')
	}
	return data
}

// objectLines are objects whose JSON is the same after parsing, so that what
// comes back can be compared byte by byte.
func objectLines(n int) []byte {
	data := make([]byte, 0, n*lineSize)
	for i := range n {
		line := len(data)
		data = fmt.Appendf(data, `{"id":%d,"level":%d.5,"on":%t,"tags":["a","b"],"place":{"x":%d,"y":%d},"note":"`,
			1_000_000+i, 100+i%900, i%2 == 0, 10+i%90, 1000+i%9000)
		for used := len(data) - line; used < lineSize-3; used++ {
			data = append(data, 'a'+byte((i+used)%26))
		}
		data = append(data, "\"}\n"...)
	}
	return data
}
