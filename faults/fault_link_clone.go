package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
	"waverider/internal/testspace"
)

// linkCloned starts a copy of edge beside it: one of the two stays, the other is
// refused, and both it and the Space say so.
func linkCloned(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		if err := m.clone(ctx, i); err != nil {
			return fmt.Errorf("clone %d: %w", i+1, err)
		}
		r.res.round()
	}
	return m.finish(ctx)
}

const (
	refusedIn  = 10 * time.Second
	staysAlone = 4 * time.Second // how long it is looked at whether it stays so
)

func (m *mesh) clone(ctx context.Context, round int) (err error) {
	dir, err := os.MkdirTemp("", "wr-clone-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	data := filepath.Join(dir, "data")
	if err := m.r.kill9(ctx); err != nil {
		return err
	}
	if err := copyDir(data, m.edge.DataDir()); err != nil {
		return err
	}
	m.mark(m.topic.book.Writes())
	began := time.Now()
	if err := m.edge.Start(ctx); err != nil {
		return err
	}
	if err := m.back(ctx, began, killedWithin); err != nil {
		return err
	}
	clone, err := m.space.Return(ctx, m.edgeURL, testhub.Options{Binary: m.r.binary, DataDir: data, Args: []string{"--warm-pool", "0"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, clone.Close()) }()
	return m.onlyOne(ctx, clone, round)
}

// onlyOne looks whether the clone is refused and stays so, and whether what
// is given to it stays with it.
func (m *mesh) onlyOne(ctx context.Context, clone *testspace.Hub, round int) error {
	stranger := tally.Append(nil, tally.Record{ID: tally.ID{Producer: 1000, Write: int64(round)}, Number: int64(round)}, 10)
	if _, err := clone.PostTopic(ctx, m.topic.name, "", bytes.NewReader(stranger)); err != nil {
		return fmt.Errorf("post to the clone: %w", err)
	}
	began := time.Now()
	short, cancel := context.WithTimeout(ctx, refusedIn)
	defer cancel()
	if err := clone.AwaitRefusal(short); err != nil {
		m.r.res.failf("the clone does not say that it is refused: %v", err)
	}
	if err := m.space.AwaitClone(short, "edge"); err != nil {
		m.r.res.failf("the Space does not tell of a clone: %v", err)
	}
	m.r.res.notef("the clone was refused after %.2f s", time.Since(began).Seconds())
	for until := time.Now().Add(staysAlone); time.Now().Before(until) && ctx.Err() == nil; pause(ctx, pollEvery) {
		mine, err := m.edge.Link(ctx)
		if err != nil {
			return err
		}
		other, err := clone.Link(ctx)
		if err != nil {
			return err
		}
		if !mine.Connected() || other.Connected() {
			m.r.res.failf("edge says connected=%v, its clone connected=%v", mine.Connected(), other.Connected())
			return nil
		}
	}
	return nil
}
