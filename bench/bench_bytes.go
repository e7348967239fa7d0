package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"waverider/internal/testhub"
)

// benchLatency sends one line at a time over one open request and waits for
// it on one open answer.
func benchLatency(ctx context.Context, g *rig) ([]figure, error) {
	var ours, floor series
	err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
		id, err := g.instance(ctx, h, "identity.js")
		if err != nil {
			return err
		}
		d, err := hubDuplex(ctx, h, id, "text/plain")
		if err != nil {
			return err
		}
		ours, err = d.latency()
		return err
	})
	if err != nil {
		return nil, err
	}
	d, err := g.relayDuplex(ctx, g.program("bare.js"), g.program("identity.js"), "text")
	if err == nil {
		floor, err = d.latency()
	}
	return []figure{{Name: "line in to line out, p50", Value: millis(ours.median()), Unit: "ms", Goal: 0.14,
		Limit: millis(floor.median()), LimitName: "relay to bare node",
		Note: fmt.Sprintf("n=%d, p99 %.3f ms; relay p99 %.3f ms", len(ours), millis(ours.quantile(0.99)), millis(floor.quantile(0.99)))}}, err
}

func (d *duplex) latency() (series, error) {
	const warm, trips = 300, 2000
	line := append(bytes.Repeat([]byte("x"), 99), '\n')
	s, err := repeat(warm+trips, func() (time.Duration, error) { return d.roundTrip(line) })
	if err != nil {
		_ = d.close() // the first error tells more
		return nil, err
	}
	return s[warm:], d.close()
}

// passage is one program fed over the Hub and beside it.
type passage struct {
	program     string   // on the Hub
	contentType string   //
	bare        []string // node's arguments for the limit
	relay       bool     // the limit is taken over the relay, else on pipes
	runs        int
}

// run returns the timings over the Hub and those of the limit.
func (p passage) run(ctx context.Context, g *rig, data []byte) (ours, floor series, err error) {
	err = g.withHub(ctx, nil, func(h *testhub.Hub) error {
		id, err := g.instance(ctx, h, p.program)
		if err != nil {
			return err
		}
		d, err := hubDuplex(ctx, h, id, p.contentType)
		if err != nil {
			return err
		}
		defer d.close()
		ours, err = d.rate(data, p.runs)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	open := g.pipeDuplex
	if p.relay {
		open = g.relayDuplex
	}
	d, err := open(ctx, p.bare...)
	if err != nil {
		return ours, nil, err
	}
	defer d.close()
	floor, err = d.rate(data, p.runs)
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
	if len(ours) == 0 {
		return nil, err
	}
	f := figure{Name: "256 MB through identity", Value: ours.perSecond(len(data)) / mega, Unit: "MB/s", More: true, Goal: 450,
		LimitName: "relay to bare node", RatioGoal: 1, Note: "SHA-256 of one run more is right; " + ours.rates(len(data), "MB/s", mega)}
	if err == nil {
		f.Limit = floor.perSecond(len(data)) / mega
	}
	return []figure{f}, err
}

const lineSize = 100

// benchText moves lines as text.
func benchText(ctx context.Context, g *rig) ([]figure, error) {
	data := textLines(1_000_000)
	p := passage{program: "identity.js", contentType: "text/plain", relay: true, runs: 5,
		bare: []string{g.program("bare.js"), g.program("identity.js"), "text"}}
	ours, floor, err := p.run(ctx, g, data)
	if len(ours) == 0 {
		return nil, err
	}
	n := len(data) / lineSize
	f := figure{Name: "100-byte text lines", Value: ours.perSecond(n), Unit: "/s", More: true, Goal: 2_500_000,
		LimitName: "relay to bare node", Note: ours.rates(n, "/s", 1)}
	if err == nil {
		f.Limit = floor.perSecond(n)
	}
	return []figure{f}, err
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
		p := passage{program: c.program, contentType: "application/x-ndjson", runs: 3, bare: []string{g.program("bare-objects.js")}}
		ours, floor, err := p.run(ctx, g, data)
		if len(ours) > 0 {
			f := figure{Name: c.name, Value: ours.perSecond(n), Unit: "/s", More: true, Goal: 400_000,
				LimitName: "bare loop on pipes", RatioGoal: 0.8, Note: ours.rates(n, "/s", 1)}
			if err == nil {
				f.Limit = floor.perSecond(n)
			}
			figures = append(figures, f)
		}
		if err != nil {
			return figures, fmt.Errorf("%s: %w", c.name, err)
		}
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
