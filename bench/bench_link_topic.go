package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waverider/internal/testhub"
	"waverider/internal/testspace"
)

const linkTopic = "bench.link"

// benchLinkTopic sends records to a Topic of one Hub and reads them at another,
// through the Space: three Stores, each with an fsync before it answers.
func benchLinkTopic(ctx context.Context, g *rig) (figures []figure, err error) {
	const runs = 3
	data := numbered(0, passed/2)
	records := float64(len(data) / lineSize)
	var rates []float64
	var trips series
	err = g.withMesh(ctx, []string{"edge", "cloud"}, func(m *mesh) error {
		for range runs {
			took, err := m.pour(ctx, data)
			if err != nil {
				return err
			}
			rates = append(rates, records/took.Seconds())
		}
		trips, err = m.trips(ctx, 300)
		return err
	})
	if err != nil {
		return nil, err
	}
	best, worst := rates[0], rates[0]
	for _, r := range rates {
		best, worst = max(best, r), min(worst, r)
	}
	middle := rates[0] + rates[1] + rates[2] - best - worst
	return []figure{
		{Name: "100-byte records, Hub to Space to Hub, sync", Value: middle, Unit: "records/s", More: true, Goal: 100_000,
			Note: fmt.Sprintf("%d runs of %s records, best %s, worst %s; no record missing, none twice, all in order", runs,
				quantity(records, ""), quantity(best, ""), quantity(worst, ""))},
		{Name: "one record, Hub to Space to Hub, p50", Value: millis(trips.median()), Unit: "ms", Goal: 20,
			Note: fmt.Sprintf("n=%d, p99 %.2f ms", len(trips), millis(trips.quantile(0.99)))},
	}, nil
}

// ends opens a reader at the cloud and a producer at the edge, of a new Topic.
func (m *mesh) ends(ctx context.Context) (in *testhub.Producer, out *testhub.Out, end func() error, err error) {
	edge, cloud := m.hubs["edge"], m.hubs["cloud"]
	for _, h := range []*testspace.Hub{edge, cloud} {
		if err := h.CreateTopic(ctx, testhub.Topic{ID: linkTopic, ContentType: testhub.NDJSON, Scope: "space"}); err != nil {
			return nil, nil, nil, err
		}
	}
	if out, err = cloud.ReadTopic(ctx, linkTopic, "?from=start"); err != nil {
		return nil, nil, nil, err
	}
	if in, err = edge.Produce(ctx, linkTopic); err != nil {
		return nil, nil, nil, errors.Join(err, out.Close())
	}
	return in, out, func() error {
		return errors.Join(out.Close(), in.Close(), edge.DeleteTopic(ctx, linkTopic), cloud.DeleteTopic(ctx, linkTopic),
			m.space.DeleteTopic(ctx, linkTopic))
	}, nil
}

// pour takes the time until all of data was read at the other Hub.
func (m *mesh) pour(ctx context.Context, data []byte) (took time.Duration, err error) {
	in, out, end, err := m.ends(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, end()) }()
	c := &checker{}
	lead := data[:1000*lineSize] // until the streams are open
	if err := writePieces(in, lead); err != nil {
		return 0, err
	}
	if err := c.readRecords(out, 1000); err != nil {
		return 0, err
	}
	began, sent := time.Now(), make(chan error, 1)
	go func() { sent <- writePieces(in, data[len(lead):]) }()
	err = c.readRecords(out, len(data)/lineSize)
	took = time.Since(began)
	return took, errors.Join(err, <-sent)
}

// trips sends one record at a time and waits for it at the other Hub.
func (m *mesh) trips(ctx context.Context, n int) (s series, err error) {
	in, out, end, err := m.ends(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	c := &checker{}
	for i := range n + 20 {
		began := time.Now()
		if err := writePieces(in, numbered(i, 1)); err != nil {
			return nil, err
		}
		if err := c.readRecords(out, i+1); err != nil {
			return nil, err
		}
		if i >= 20 {
			s = append(s, time.Since(began))
		}
	}
	return s, nil
}
