package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"
)

// linkKilled kills edge, the Space and both, again and again.
func linkKilled(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	for i := range r.rounds {
		what := []string{"edge", "Space", "both"}[i%3]
		if err := m.kill(ctx, what != "Space", what != "edge"); err != nil {
			return fmt.Errorf("kill %d, %s: %w", i+1, what, err)
		}
	}
	return m.finish(ctx)
}

// kill kills at a random moment, and starts again soon.
func (m *mesh) kill(ctx context.Context, edge, space bool) error {
	m.r.wait(ctx, 200*time.Millisecond, time.Second)
	var killed time.Time
	var sent map[int]int64
	take := func() (err error) {
		killed, sent = time.Now(), m.topic.book.Writes()
		if edge {
			err = m.r.kill9(ctx)
		}
		if space {
			err = errors.Join(err, m.space.End(ctx, syscall.SIGKILL))
		}
		m.r.wait(ctx, time.Millisecond, 200*time.Millisecond)
		return err
	}
	give := func() (err error) {
		up := make(chan error, 1)
		go func() {
			if !edge {
				up <- nil
				return
			}
			up <- m.edge.Start(ctx)
		}()
		if space {
			err = m.restartSpace(ctx)
		}
		return errors.Join(err, <-up)
	}
	if err := take(); err != nil {
		return err
	}
	m.mark(sent)
	if err := give(); err != nil {
		return err
	}
	if err := m.back(ctx, killed, killedWithin); err != nil {
		return err
	}
	m.r.res.round()
	return nil
}

// linkStopped stops the Space and edge for a time, without their end.
func linkStopped(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	lasts := r.lasting(30*time.Second, 12*time.Second)
	for i := range r.rounds {
		for _, who := range []struct {
			name   string
			signal func(syscall.Signal) error
			says   side
		}{{"Space", m.space.Signal, m.edgeSays()}, {"edge", m.edge.Signal, m.spaceSays()}} {
			stop := func() error { return who.signal(syscall.SIGSTOP) }
			goOn := func() error { return who.signal(syscall.SIGCONT) }
			r.defers(func() { _ = goOn() }) // else it can't end
			if err := m.gone(ctx, lasts, healedWithin, stop, goOn, who.says); err != nil {
				return fmt.Errorf("%s, %d: %w", who.name, i+1, err)
			}
		}
	}
	return m.finish(ctx)
}
