package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// linkDiskFull fills the disk of edge while it is cut off: with the way back
// all that was acked goes to the Space though there is no room, and with room
// records are taken again.
func linkDiskFull(ctx context.Context, r *rig) error {
	dir, err := r.smallDisk(topicDiskSize)
	if err != nil {
		return err
	}
	m, err := r.flowing(ctx, meshOptions{edgeDir: filepath.Join(dir, "data"), edge: []string{"--min-free-disk", fmt.Sprint(topicDiskFree)}}, inputRate)
	if err != nil {
		return err
	}
	ballast := filepath.Join(dir, "ballast")
	for i := range r.rounds {
		for _, leave := range []int64{topicDiskFree / 2 << 20, 0} {
			if err := m.fullDisk(ctx, ballast, leave); err != nil {
				return fmt.Errorf("round %d, %d MiB left: %w", i+1, leave>>20, err)
			}
			r.res.round()
		}
		if err := m.ownFill(ctx); err != nil {
			return fmt.Errorf("round %d, full of its own records: %w", i+1, err)
		}
		r.res.round()
	}
	return m.finishWithoutEdge(ctx) // where there is no room it drops what the Space has
}

// ownFill lets edge fill its disk with what it stores while it is cut off: what
// the Space has then makes room for new records.
func (m *mesh) ownFill(ctx context.Context) error {
	m.edgeWay.Cut()
	m.topic.expectRefusals(true)
	bulk, cancel := context.WithCancel(ctx)
	defer cancel()
	const body, fill = 500, 4000
	m.topic.produce(bulk, fill, 0, func(p *topicProducer, ctx context.Context) error { return sendRecords(p, ctx, body) })
	for m.topic.refusedSome() == 0 {
		select {
		case <-time.After(watchEvery):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	cancel()
	stored, healed := m.topic.book.Acked(), time.Now()
	m.mark(nil)
	if err := m.edgeWay.Heal(); err != nil {
		return err
	}
	at, err := m.first(ctx)
	if err != nil {
		return err
	}
	m.r.res.recovered(at.Sub(healed))
	if at.Sub(healed) > healedWithin {
		m.r.res.failf("the first record came %.3f s after the way was back, want %v", at.Sub(healed).Seconds(), healedWithin)
	}
	if err := m.arrived(ctx, stored); err != nil {
		return err
	}
	there := time.Now()
	resume, done := context.WithTimeout(ctx, resumesWithin)
	defer done()
	if _, err := m.topic.awaitAck(resume, there); err != nil {
		return fmt.Errorf("%d records are at the Space: %w", stored, err)
	}
	m.topic.expectRefusals(false)
	return nil
}

func (m *mesh) fullDisk(ctx context.Context, ballast string, leave int64) error {
	m.edgeWay.Cut()
	m.topic.expectRefusals(true)
	if err := fillDisk(ballast, leave); err != nil {
		return err
	}
	m.r.wantRefusal(ctx, m.topic)
	pause(ctx, underPressure)
	if m.topic.refusedSome() == 0 {
		m.r.res.failf("no producer was told that the disk is full")
	}
	stored := m.topic.book.Acked()
	if err := m.edgeWay.Heal(); err != nil {
		return err
	}
	if err := m.arrived(ctx, stored); err != nil {
		return fmt.Errorf("on a full disk: %w", err)
	}
	m.mark(m.topic.book.Writes())
	if err := os.Remove(ballast); err != nil {
		return err
	}
	freed := time.Now()
	if err := m.back(ctx, freed, resumesWithin); err != nil {
		return fmt.Errorf("after there was room again: %w", err)
	}
	m.topic.expectRefusals(false)
	return nil
}

// arrived waits until so many records are at both ends.
func (m *mesh) arrived(ctx context.Context, records int64) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	for _, a := range m.ends() {
		for a.count() < records {
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				return fmt.Errorf("%d of %d records are at the %s: %w", a.count(), records, a.place, ctx.Err())
			}
		}
	}
	return nil
}

// refusedSome counts the producers that were refused.
func (t *topic) refusedSome() int {
	_, at := t.refusals()
	return len(at)
}
