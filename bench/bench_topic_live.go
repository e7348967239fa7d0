package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"waverider/internal/testhub"
)

// benchTopicLatency sends one record at a time from a connected producer and
// waits for it at a connected reader.
func benchTopicLatency(ctx context.Context, g *rig) ([]figure, error) {
	const (
		blocks = 6 // of each way in turn
		trips  = 300
	)
	line := numbered(0, 1)
	took := map[string]series{}
	err := g.withHub(ctx, nil, func(h *testhub.Hub) (err error) {
		relay, err := g.bareRelay(ctx)
		if err != nil {
			return err
		}
		ways := map[string]*duplex{"relay": relay}
		defer func() {
			for _, d := range ways {
				err = errors.Join(err, d.close())
			}
		}()
		for _, d := range durabilities {
			if ways[d], err = topicDuplex(ctx, h, benchTopic("bench."+d, d)); err != nil {
				return err
			}
		}
		for block := range blocks {
			for name, d := range ways {
				s, err := d.latency(line, trips)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if block > 0 { // the first warms up
					took[name] = append(took[name], s...)
				}
			}
			s, err := timeAppends(h.DataDir(), line, trips)
			if err != nil {
				return err
			}
			took["fsync"] = append(took["fsync"], s...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	relay, fsync := millis(took["relay"].median()), millis(took["fsync"].median())
	var figures []figure
	for _, c := range []struct {
		durability  string
		goal, limit float64
		name        string
	}{
		{"sync", 0.6, relay + fsync, "relay + append with fsync"}, {"async", 0.25, relay, "relay"}, {"memory", 0.13, relay, "relay"},
	} {
		s := took[c.durability]
		figures = append(figures, figure{Name: "record to its reader, p50, " + c.durability, Value: millis(s.median()), Unit: "ms",
			Goal: c.goal, Limit: c.limit, LimitName: c.name,
			Note: fmt.Sprintf("n=%d, p99 %.3f ms; relay p99 %.3f, append with fsync p50 %.3f, p99 %.3f ms", len(s), millis(s.quantile(0.99)),
				millis(took["relay"].quantile(0.99)), fsync, millis(took["fsync"].quantile(0.99)))})
	}
	return figures, nil
}

// topicDuplex makes a Topic with a producer and a reader.
func topicDuplex(ctx context.Context, h *testhub.Hub, t testhub.Topic) (*duplex, error) {
	if err := h.CreateTopic(ctx, t); err != nil {
		return nil, err
	}
	out, err := h.ReadTopic(ctx, t.ID, "")
	if err != nil {
		return nil, err
	}
	in, err := h.Produce(ctx, t.ID)
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return &duplex{in: in, out: out, close: func() error { return errors.Join(in.Close(), out.Close()) }}, nil
}

// timeAppends is what the disk takes to keep a record.
func timeAppends(dir string, record []byte, n int) (s series, err error) {
	f, err := os.Create(filepath.Join(dir, "bench.appends"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	return repeat(n, func() (time.Duration, error) {
		began := time.Now()
		_, err := f.Write(record)
		err = errors.Join(err, f.Sync())
		return time.Since(began), err
	})
}

// benchTopicReaders compares four readers with one, and a reader beside one
// that has stopped with a reader alone.
func benchTopicReaders(ctx context.Context, g *rig) ([]figure, error) {
	const (
		runs = 3
		lead = passed / 8 // time enough for the Hub to see that a reader has stopped
	)
	data := numbered(0, passed)
	var figures []figure
	err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
		for _, d := range durabilities {
			var four, beside, one series
			for i := range runs + 1 {
				for _, c := range []struct {
					to *series
					p  pour
				}{
					{&one, pour{durability: d, readers: 1, lead: lead}},
					{&four, pour{durability: d, readers: 4, lead: lead}},
					{&beside, pour{durability: d, readers: 1, stopped: 1, lead: lead}},
				} {
					took, err := c.p.run(ctx, h, data)
					if err != nil {
						return fmt.Errorf("%s, %d readers, %d stopped: %w", d, c.p.readers, c.p.stopped, err)
					}
					if i > 0 {
						*c.to = append(*c.to, took)
					}
				}
			}
			rate := func(s series) float64 { return float64(len(data)) / s.median().Seconds() / mega }
			figures = append(figures,
				figure{Name: "four readers, sum, " + d, Value: 4 * rate(four), Unit: "MB/s", More: true,
					Limit: rate(one), LimitName: "one reader", RatioGoal: 2},
				figure{Name: "reader beside a stopped one, " + d, Value: rate(beside), Unit: "MB/s", More: true,
					Limit: rate(one), LimitName: "one reader", RatioGoal: 0.8})
		}
		return nil
	})
	return figures, err
}
