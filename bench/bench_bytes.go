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
	const blocks = 4 // of 500 round trips, Hub and relay in turn
	line := append(bytes.Repeat([]byte("x"), lineSize-1), '\n')
	var ours, floor series
	p := passage{program: "identity.js", contentType: "text/plain", relay: true,
		bare: []string{g.program("bare.js"), g.program("identity.js"), "text"}}
	err := p.open(ctx, g, func(hub, limit *duplex) error {
		for range blocks {
			s, err := hub.latency(line)
			if err != nil {
				return fmt.Errorf("hub: %w", err)
			}
			ours = append(ours, s...)
			if s, err = limit.latency(line); err != nil {
				return fmt.Errorf("relay: %w", err)
			}
			floor = append(floor, s...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return []figure{{Name: "line in to line out, p50", Value: millis(ours.median()), Unit: "ms", Goal: 0.14,
		Limit: millis(floor.median()), LimitName: "relay to bare node",
		Note: fmt.Sprintf("n=%d, p99 %.3f ms; relay p99 %.3f ms", len(ours), millis(ours.quantile(0.99)), millis(floor.quantile(0.99)))}}, nil
}

// passage is one program fed over the Hub and beside it.
type passage struct {
	program     string   // on the Hub
	contentType string   //
	bare        []string // node's arguments for the limit
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

// run returns the timings over the Hub and those of the limit, taken in turn.
func (p passage) run(ctx context.Context, g *rig, data []byte) (ours, floor series, err error) {
	err = p.open(ctx, g, func(hub, limit *duplex) (err error) {
		if err := hub.prepare(data); err != nil {
			return fmt.Errorf("hub: %w", err)
		}
		if err := limit.prepare(data); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
		ours, floor, err = inTurn(p.runs,
			func() (time.Duration, error) { return hub.transfer(data, false) },
			func() (time.Duration, error) { return limit.transfer(data, false) })
		return err
	})
	return ours, floor, err
}

// perSecond is the median rate of count things moved in each of s.
func (s series) perSecond(count int) float64 { return float64(count) / s.median().Seconds() }

func (s series) rates(count int, unit string, per float64) string {
	best, worst := s.quantile(0), s.quantile(1)
	return fmt.Sprintf("%d runs, best %s, worst %s", len(s),
		quantity(float64(count)/best.Seconds()/per, unit), quantity(float64(count)/worst.Seconds()/per, unit))
}

// benchBytes moves bytes that are all different from each other.
func benchBytes(ctx context.Context, g *rig) ([]figure, error) {
	data := make([]byte, 256<<20)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data) // never fails
	p := passage{program: "identity.js", contentType: "application/octet-stream", relay: true, runs: 5,
		bare: []string{g.program("bare.js"), g.program("identity.js")}}
	ours, floor, err := p.run(ctx, g, data)
	if err != nil {
		return nil, err
	}
	f := figure{Name: "256 MB through identity", Value: ours.perSecond(len(data)) / mega, Unit: "MB/s", More: true, Goal: 450,
		Limit: floor.perSecond(len(data)) / mega, LimitName: "relay to bare node", RatioGoal: 1,
		Note: "SHA-256 of one run more is right; " + ours.rates(len(data), "MB/s", mega)}
	return []figure{f}, nil
}

const lineSize = 100

// benchText moves lines as text.
func benchText(ctx context.Context, g *rig) ([]figure, error) {
	data := textLines(1_000_000)
	p := passage{program: "identity.js", contentType: "text/plain", relay: true, runs: 5,
		bare: []string{g.program("bare.js"), g.program("identity.js"), "text"}}
	ours, floor, err := p.run(ctx, g, data)
	if err != nil {
		return nil, err
	}
	n := len(data) / lineSize
	f := figure{Name: "100-byte text lines", Value: ours.perSecond(n), Unit: "/s", More: true, Goal: 2_500_000,
		Limit: floor.perSecond(n), LimitName: "relay to bare node", Note: ours.rates(n, "/s", 1)}
	return []figure{f}, nil
}

// benchObjects moves JSON objects through a program that hands its input on
// and one that iterates over it.
func benchObjects(ctx context.Context, g *rig) ([]figure, error) {
	data := objectLines(1_000_000)
	n := len(data) / lineSize
	var figures []figure
	for _, c := range []struct{ program, name string }{
		{"objects.js", "NDJSON, async (input) => input"}, {"generator.js", "NDJSON, async function*"},
	} {
		p := passage{program: c.program, contentType: "application/x-ndjson", runs: 5, bare: []string{g.program("bare-objects.js")}}
		ours, floor, err := p.run(ctx, g, data)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
		figures = append(figures, figure{Name: c.name, Value: ours.perSecond(n), Unit: "/s", More: true, Goal: 400_000,
			Limit: floor.perSecond(n), LimitName: "bare loop on pipes", RatioGoal: 0.8, Note: ours.rates(n, "/s", 1)})
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
