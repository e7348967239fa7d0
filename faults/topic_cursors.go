package main

import (
	"bufio"
	"context"
	"encoding/json"
	"time"

	"waverider/faults/tally"
)

// cursors reads a Topic from its start again and again and notes which record
// each cursor stands for: no cursor may ever stand for two, also when one of
// them is lost.
type cursors struct {
	t      *topic
	cancel context.CancelFunc
	done   chan struct{}
	of     map[string]tally.ID // owned by the goroutine until done
}

// collect starts it; the end of the rig ends it.
func (t *topic) collect(ctx context.Context) *cursors {
	ctx, cancel := context.WithCancel(ctx)
	c := &cursors{t: t, cancel: cancel, done: make(chan struct{}), of: map[string]tally.ID{}}
	go func() {
		defer close(c.done)
		for ctx.Err() == nil {
			c.connection(ctx)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}()
	t.r.defers(c.stop)
	return c
}

// stop ends it; it may be called twice.
func (c *cursors) stop() {
	c.cancel()
	<-c.done
}

func (c *cursors) connection(ctx context.Context) {
	out, err := c.t.r.hub.ReadTopic(ctx, c.t.name, "?from=start&envelope=true")
	if err != nil {
		return
	}
	defer out.Close()
	for lines := bufio.NewReaderSize(out, 64<<10); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e enveloped
		if err := json.Unmarshal(line, &e); err != nil {
			c.t.r.res.failf("topic %s: got %.200q: %v", c.t.name, line, err)
			return
		}
		if e.Missed > 0 {
			continue
		}
		rec, ok := tally.Parse(e.Data)
		if !ok {
			c.t.r.res.failf("topic %s: corrupt record in %.200q", c.t.name, line)
			return
		}
		if was, known := c.of[e.Cursor]; known && was != rec.ID {
			c.t.r.res.failf("topic %s: the cursor of %v was that of %v", c.t.name, rec.ID, was)
			return
		}
		c.of[e.Cursor] = rec.ID
	}
}
