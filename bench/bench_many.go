package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"waverider/internal/testhub"
)

// benchMany starts 100 Instances at once and has each answer one line.
func benchMany(ctx context.Context, g *rig) ([]figure, error) {
	const instances = 100
	var took time.Duration
	var pss int64
	err := g.withHub(ctx, nil, func(h *testhub.Hub) error {
		seq, err := g.upload(ctx, h, "identity.js")
		if err != nil {
			return err
		}
		began := time.Now()
		err = together(ctx, instances, instances, func(ctx context.Context) error { return startAndAsk(ctx, h, seq) })
		took = time.Since(began)
		if err != nil {
			return fmt.Errorf("after %v: %w", took.Round(time.Millisecond), err)
		}
		pss, err = testhub.PSS(h.PID())
		return err
	})
	if err != nil {
		return nil, err
	}
	floor, err := g.manyFloor(ctx, instances)
	return []figure{
		{Name: "100 Instances, all answering", Value: took.Seconds(), Unit: "s", Goal: 10,
			Limit: floor.Seconds(), LimitName: "100 bare nodes"},
		{Name: "Hub memory with 100 Instances", Value: megabytes(pss), Unit: "MB", Goal: 100},
	}, err
}

func startAndAsk(ctx context.Context, h *testhub.Hub, seq string) error {
	id, err := h.StartInstance(ctx, seq, testhub.Start{})
	if err != nil {
		return err
	}
	d, err := hubDuplex(ctx, h, id, "text/plain")
	if err != nil {
		return err
	}
	_, err = d.roundTrip([]byte("are you there\n"))
	return errors.Join(err, d.close())
}

func (g *rig) manyFloor(ctx context.Context, n int) (time.Duration, error) {
	began := time.Now()
	err := together(ctx, n, n, func(ctx context.Context) error {
		d, err := g.pipeDuplex(ctx, g.program("bare.js"), g.program("identity.js"))
		if err != nil {
			return err
		}
		_, err = d.roundTrip([]byte("are you there\n"))
		return errors.Join(err, d.close())
	})
	return time.Since(began), err
}

// roundTrip sends a line and waits for it to come back.
func (d *duplex) roundTrip(line []byte) (time.Duration, error) {
	began := time.Now()
	if _, err := d.in.Write(line); err != nil {
		return 0, err
	}
	back := make([]byte, len(line))
	_, err := io.ReadFull(d.out, back)
	if err == nil && string(back) != string(line) {
		err = fmt.Errorf("sent %q, got %q back", line, back)
	}
	return time.Since(began), err
}

// together runs f n times, atOnce at once; the first error cancels the others.
func together(ctx context.Context, n, atOnce int, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	slots := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for range n {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			if err := f(ctx); err != nil {
				cancel(err) // the first one counts
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
