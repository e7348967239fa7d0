package main

import (
	"context"
	"fmt"
	"time"

	"waverider/internal/testnet"
)

const inputRate = 2000 // records a second, where nothing else is said

// flowing is openMesh with input that flows.
func (r *rig) flowing(ctx context.Context, opt meshOptions, perSecond int) (*mesh, error) {
	m, err := r.openMesh(ctx, opt)
	if err != nil {
		return nil, err
	}
	m.produce(ctx, perSecond)
	return m, m.flows(ctx)
}

// lasting is how long a fault stays: in a short run less.
func (r *rig) lasting(long, short time.Duration) time.Duration {
	if r.short {
		return short
	}
	return long
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// gone takes the way of edge away for a time, and looks whether it is noticed
// and made good. A fault that lasts no time is over when it has begun.
func (m *mesh) gone(ctx context.Context, lasts, bar time.Duration, take func() error, give func() error, sides ...side) error {
	began, sent := time.Now(), m.topic.book.Writes()
	if err := take(); err != nil {
		return err
	}
	m.noticed(ctx, began, sides...)
	pause(ctx, time.Until(began.Add(lasts)))
	if lasts == 0 {
		sent = m.topic.book.Writes()
	}
	m.mark(sent)
	over := time.Now()
	if err := give(); err != nil {
		return err
	}
	if err := m.back(ctx, over, bar); err != nil {
		return err
	}
	m.r.res.round()
	return nil
}

func nothing() error { return nil }

// always makes an action that can't fail one that could.
func always(f func()) func() error {
	return func() error {
		f()
		return nil
	}
}

// linkCut cuts the Link by resets, for a moment and for long.
func linkCut(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		lasts := 2 * time.Second
		if i == r.rounds-1 {
			lasts = r.lasting(time.Minute, 12*time.Second)
		}
		if err := m.gone(ctx, lasts, healedWithin, always(m.edgeWay.Cut), m.edgeWay.Heal, m.edgeSays(), m.spaceSays()); err != nil {
			return fmt.Errorf("cut %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}

// linkBacklog stores much while the Link is cut.
func linkBacklog(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	records := int64(1_000_000)
	if r.short {
		records = 50_000
	}
	for i := range r.rounds {
		take := func() error {
			m.edgeWay.Cut()
			return m.stored(ctx, records)
		}
		if err := m.gone(ctx, time.Second, healedWithin, take, m.edgeWay.Heal); err != nil {
			return fmt.Errorf("backlog %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}

// linkSilent takes the way without a word, as a whole and for one side alone.
func linkSilent(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	lasts := r.lasting(20*time.Second, 12*time.Second)
	for i := range r.rounds {
		if err := m.gone(ctx, lasts, healedWithin, always(m.edgeWay.Silence), m.edgeWay.Heal, m.edgeSays(), m.spaceSays()); err != nil {
			return fmt.Errorf("silence %d: %w", i+1, err)
		}
		half := func(near bool) func() error { return always(func() { m.edgeWay.HalfOpen(near) }) }
		if err := m.gone(ctx, 0, healedWithin, half(true), nothing); err != nil {
			return fmt.Errorf("only edge is told, %d: %w", i+1, err)
		}
		if err := m.gone(ctx, 0, noticedWithin+healedWithin, half(false), nothing); err != nil {
			return fmt.Errorf("only the Space is told, %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}

// linkDown takes the network itself down.
func linkDown(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{lab: true}, inputRate)
	if err != nil {
		return err
	}
	lasts := r.lasting(40*time.Second, 12*time.Second)
	for i := range r.rounds {
		for name, way := range map[string][2]func() error{"down": {m.edgeNode.Down, m.edgeNode.Up}, "dropped": {m.edgeNode.Drop, m.edgeNode.Pass}} {
			if err := m.gone(ctx, lasts, healedWithin, way[0], way[1], m.edgeSays(), m.spaceSays()); err != nil {
				return fmt.Errorf("%s, %d: %w", name, i+1, err)
			}
		}
	}
	return m.finish(ctx)
}

// linkMoved gives edge another address.
func linkMoved(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{lab: true}, inputRate)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		if err := m.gone(ctx, 0, noticedWithin+healedWithin, m.edgeNode.Move, nothing); err != nil {
			return fmt.Errorf("move %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}

// linkFlaps lets the way come and go.
func linkFlaps(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		plan := testnet.Flaps(r.rnd.Uint64(), r.lasting(2*time.Minute, 15*time.Second), 3*time.Second)
		r.res.notef("the way went %d times", len(plan))
		flap := func() error { return m.edgeWay.Flap(ctx, plan) }
		if err := m.gone(ctx, 0, healedWithin, flap, nothing); err != nil {
			return fmt.Errorf("flaps %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}
