package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// linkTail takes from edge what it had confirmed and the Space has: the end of
// its files, or all that came since a copy of its Topics was made. What it
// stores from then on is new, whatever numbers it gives.
func linkTail(ctx context.Context, r *rig) error {
	m, err := r.flowing(ctx, meshOptions{}, inputRate)
	if err != nil {
		return err
	}
	copied := filepath.Join(m.edge.DataDir(), "..", filepath.Base(m.edge.DataDir())+"-copy")
	r.defers(func() { _ = os.RemoveAll(copied) }) // a temporary folder
	restore := func(dir string) error {
		topics := filepath.Join(dir, "topics")
		return errors.Join(os.RemoveAll(topics), copyDir(topics, copied))
	}
	for i := range r.rounds {
		if err := m.keepTopics(ctx, copied); err != nil {
			return err
		}
		for _, h := range []struct {
			name   string
			harm   func(dir string) error
			linked bool
		}{{"cut files", cutFiles, true}, {"an old copy", restore, true}, {"cut files, and the way is gone", cutFiles, false},
			{"an old copy, and the way is gone", restore, false}} {
			if err := m.loseTail(ctx, h.harm, h.linked); err != nil {
				return fmt.Errorf("round %d, %s: %w", i+1, h.name, err)
			}
			r.res.round()
		}
	}
	r.res.notef("edge lost %d records in all", m.lost)
	return m.finishWithoutEdge(ctx)
}

// keepTopics copies the Topics of edge, and lets some more come.
func (m *mesh) keepTopics(ctx context.Context, to string) error {
	if err := m.r.kill9(ctx); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(to), copyDir(to, filepath.Join(m.edge.DataDir(), "topics"))); err != nil {
		return err
	}
	if err := m.edge.Start(ctx); err != nil {
		return err
	}
	return m.more(ctx)
}

// more waits until some seconds of input are everywhere.
func (m *mesh) more(ctx context.Context) error {
	pause(ctx, 3*time.Second)
	return m.arrived(ctx, m.topic.book.Acked())
}

// loseTail harms edge while all it has is at the Space as well. Not linked: it
// stores as much as it has lost before it meets the Space again.
func (m *mesh) loseTail(ctx context.Context, harm func(dir string) error, linked bool) error {
	if err := m.more(ctx); err != nil {
		return err
	}
	goOn, err := m.pause(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if goOn != nil {
			goOn()
		}
	}()
	before, err := m.edge.TopicInfo(ctx, m.topic.name)
	if err != nil {
		return err
	}
	if err := m.r.kill9(ctx); err != nil {
		return err
	}
	if err := harm(m.edge.DataDir()); err != nil {
		return fmt.Errorf("do the harm: %w", err)
	}
	if !linked {
		m.edgeWay.Cut()
	}
	sent := m.topic.book.Writes()
	m.mark(sent)
	began := time.Now()
	if err := m.edge.Start(ctx); err != nil {
		return err
	}
	after, err := m.edge.TopicInfo(ctx, m.topic.name)
	if err != nil {
		return err
	}
	if after.Records >= before.Records {
		m.r.res.failf("edge had %d records and has %d: it has lost nothing, so this shows nothing", before.Records, after.Records)
	}
	m.lost += before.Records - after.Records
	goOn()
	goOn = nil
	if !linked {
		if err := m.stored(ctx, 50_000); err != nil { // more than came since the copy
			return err
		}
		m.mark(sent)
		began = time.Now()
		if err := m.edgeWay.Heal(); err != nil {
			return err
		}
	}
	return m.back(ctx, began, killedWithin)
}

// cutFiles cuts the newest file of every stream by half.
func cutFiles(dir string) error {
	streams, err := streamFiles(dir, "*", "msgs")
	if err != nil {
		return err
	}
	for _, path := range streams {
		name := filepath.Base(filepath.Dir(path))
		cut := func(path string, size int64) error { return os.Truncate(path, size/2) }
		if files, err := streamFiles(dir, name, "msgs/*.blk"); err != nil || len(files) == 0 {
			continue // one that is empty
		}
		if err := onBlock(dir, name, last, cut); err != nil {
			return err
		}
	}
	return nil
}
