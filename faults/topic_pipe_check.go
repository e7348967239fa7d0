package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"waverider/faults/tally"
)

// checkPipes holds every output against what had to be made of the input.
func (r *rig) checkPipes(ctx context.Context, in *topic, list []*pipe) error {
	c, err := in.contents(ctx)
	if err != nil {
		return err
	}
	found, _ := in.book.Check(c)
	r.res.took("topic "+in.name, found)
	for _, p := range list {
		want := p.want(c.IDs)
		records := len(want)
		if p.program == "window" {
			records /= windowSize
		}
		found, err := r.awaitOutput(ctx, p, want, int64(records))
		if err != nil {
			return err
		}
		if p.repeats && found.Duplicated > 0 {
			r.res.notef("%s gave %d of %d records again", p.program, found.Duplicated, found.Records)
			found.Duplicated = 0
		}
		r.res.took(p.program, found)
	}
	return nil
}

// awaitOutput waits until an output is whole, or no more comes of it.
func (r *rig) awaitOutput(ctx context.Context, p *pipe, want []tally.ID, records int64) (found tally.Findings, err error) {
	for end := time.Now().Add(waitFlow); ; {
		if err := r.awaitTotal(ctx, p.out, records); err != nil {
			r.res.failf("%s: %v", p.program, err)
		}
		got, corrupt, err := r.outputOf(ctx, p)
		if err != nil {
			return found, err
		}
		found = tally.Compare(want, got)
		found.Corrupt += corrupt
		if found.Lost == 0 || !p.repeats || time.Now().After(end) {
			return found, nil
		}
	}
}

// awaitTotal waits until a Topic has as many records as it must, and for a
// moment more, in which there must not come more.
func (r *rig) awaitTotal(ctx context.Context, name string, total int64) error {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	for {
		info, err := r.hub.TopicInfo(ctx, name)
		if err != nil {
			return err
		}
		enough := info.Total >= total
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("topic %s has %d records and does not get %d: %w", name, info.Total, total, ctx.Err())
		}
		if enough {
			return nil
		}
	}
}

// outputOf reads what a program gave. Windows are taken apart.
func (r *rig) outputOf(ctx context.Context, p *pipe) (ids []tally.ID, corrupt int64, err error) {
	out, err := r.hub.ReadTopic(ctx, p.out, "?from=start&follow=false")
	if err != nil {
		return nil, 0, err
	}
	defer out.Close()
	if p.program != "window" {
		c, err := tally.ReadAll(out)
		return c.IDs, c.Corrupt, err
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		var w struct {
			Window int        `json:"window"`
			Of     [][2]int64 `json:"of"`
		}
		if json.Unmarshal(lines.Bytes(), &w) != nil || w.Window != n || len(w.Of) != windowSize {
			corrupt++
		}
		for _, id := range w.Of {
			ids = append(ids, tally.ID{Producer: int(id[0]), Write: id[1]})
		}
	}
	return ids, corrupt, lines.Err()
}
