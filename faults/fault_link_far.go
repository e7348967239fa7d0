package main

import (
	"context"
	"fmt"
	"time"

	"waverider/internal/testnet"
)

// A Space that is far away may take so long to be found again.
var farWithin = map[time.Duration]time.Duration{
	500 * time.Millisecond:  5 * time.Second,
	1200 * time.Millisecond: 8 * time.Second,
	2400 * time.Millisecond: 16 * time.Second,
}

// linkFar makes round trips long, live and after a cut.
func linkFar(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	for range r.rounds {
		for _, rtt := range []time.Duration{500 * time.Millisecond, 1200 * time.Millisecond, 2400 * time.Millisecond} {
			m.rtt = rtt
			m.edgeWay.SetBoth(testnet.Conditions{Delay: rtt / 2})
			if err := m.worse(ctx, r.lasting(20*time.Second, 5*time.Second), farWithin[rtt]); err != nil {
				return fmt.Errorf("round trip of %v: %w", rtt, err)
			}
		}
	}
	return m.finish(ctx)
}

// lossyRate is what a lossy way can take five times.
const lossyRate = 500

// linkLossy loses segments.
func linkLossy(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, lossyRate)
	if err != nil {
		return err
	}
	m.edgeWay.SetBoth(testnet.Conditions{Loss: 0.02, Delay: 5 * time.Millisecond})
	for i := range r.rounds {
		if err := m.worse(ctx, r.lasting(30*time.Second, 5*time.Second), healedWithin); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
	}
	return m.finish(ctx)
}

// worse begins anew on a way that has become worse, uses it for a time, and
// cuts it.
func (m *mesh) worse(ctx context.Context, lasts, bar time.Duration) error {
	if err := m.gone(ctx, 0, bar, always(m.edgeWay.Reset), nothing); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	began := time.Now()
	for time.Since(began) < lasts && ctx.Err() == nil { // it stays as it is
		pause(ctx, time.Second)
		if l, err := m.edge.Link(ctx); err != nil || !l.Connected() {
			m.r.res.failf("%.1f s after the way has become worse edge says %+v, %v", time.Since(began).Seconds(), l, err)
		}
	}
	return m.gone(ctx, lasts, bar, always(m.edgeWay.Cut), m.edgeWay.Heal, m.edgeSays())
}
