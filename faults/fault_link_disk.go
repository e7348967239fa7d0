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
	}
	return m.finish(ctx)
}

func (m *mesh) fullDisk(ctx context.Context, ballast string, leave int64) error {
	m.edgeWay.Cut()
	m.topic.expectRefusals(true)
	if err := fillDisk(ballast, leave); err != nil {
		return err
	}
	m.r.wantRefusal(ctx, m.topic)
	pause(ctx, underPressure)
	m.topic.mu.Lock()
	refused := len(m.topic.refused)
	m.topic.mu.Unlock()
	if refused == 0 {
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
