package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

const (
	stuckBytes   = 24 << 20 // written past stuck readers: more than all buffers hold
	stuckPosts   = 150      // that are timed
	slowerByMost = 3        // times
	memoryByMost = 128 << 20
)

// topicReadersStuck opens readers that never read what they are sent: nobody
// else may notice.
func topicReadersStuck(ctx context.Context, r *rig) error {
	if err := r.open(ctx, "", "--warm-pool", "0"); err != nil {
		return err
	}
	for i := range r.rounds {
		for _, durability := range []string{"sync", "memory"} {
			if err := r.stuckRound(ctx, fmt.Sprintf("stuck-%s-%d", durability, i), durability); err != nil {
				return fmt.Errorf("round %d, %s: %w", i+1, durability, err)
			}
			r.res.round()
		}
		if err := r.badRequests(ctx, i); err != nil {
			return fmt.Errorf("round %d, bad requests: %w", i+1, err)
		}
		r.res.round()
	}
	return nil
}

func (r *rig) stuckRound(ctx context.Context, name, durability string) error {
	t, err := r.newTopic(ctx, testhub.Topic{ID: name, Durability: durability})
	if err != nil {
		return err
	}
	other, err := r.newTopic(ctx, testhub.Topic{ID: name + "-other"})
	if err != nil {
		return err
	}
	live := t.read(ctx, "?from=start")
	other.produce(ctx, 300, 4*time.Millisecond, sendSmall)
	other.read(ctx, "?from=start")
	before, err := r.timePosts(ctx, t)
	if err != nil {
		return err
	}
	memory, err := testhub.RSS(r.hub.PID())
	if err != nil {
		return err
	}
	if err := r.openStuck(ctx, t, durability); err != nil {
		return err
	}
	for sent := 0; sent < stuckBytes; {
		_, n, err := r.post(ctx, t, 1000, 512, 1900)
		if err != nil {
			return err
		}
		sent += n
	}
	after, err := r.timePosts(ctx, t)
	if err != nil {
		return err
	}
	if after > slowerByMost*before+100*time.Millisecond {
		r.res.failf("topic %s: %d posts took %v, with stuck readers %v", t.name, stuckPosts, before, after)
	}
	now, err := testhub.RSS(r.hub.PID())
	if err == nil && now > memory+memoryByMost {
		r.res.failf("topic %s: stuck readers made the Hub grow from %d to %d MiB", t.name, memory>>20, now>>20)
	}
	return r.checkStuck(ctx, t, other, live, durability)
}

// openStuck opens readers of every kind that never read.
func (r *rig) openStuck(ctx context.Context, t *topic, durability string) error {
	queries := []string{"", "", "?from=start", "?from=start", "?from=start&envelope=true", "?from=new"}
	if durability != "memory" {
		queries = append(queries, "?group=stuck", "?group=careful&ack=explicit&envelope=true")
	}
	for _, query := range queries {
		out, err := r.hub.ReadTopic(ctx, t.name, query)
		if err != nil {
			return err
		}
		r.defers(func() { _ = out.Close() }) // ours, and cut
	}
	return nil
}

// timePosts posts small bodies one after the other.
func (r *rig) timePosts(ctx context.Context, t *topic) (time.Duration, error) {
	began := time.Now()
	for range stuckPosts {
		if _, _, err := r.post(ctx, t, 1000, 1, 200); err != nil {
			return 0, err
		}
	}
	return time.Since(began), nil
}

// post posts count new records of about fill bytes and answers the cursor after
// them, and how many bytes that were.
func (r *rig) post(ctx context.Context, t *topic, producer, count, fill int) (cursor string, size int, err error) {
	var body []byte
	var first, end int64
	for i := range count {
		rec := t.book.WriteNext(producer)
		if i == 0 {
			first = rec.Number
		}
		body, end = tally.Append(body, rec, fill), rec.Number+1
	}
	if cursor, err = r.hub.PostTopic(ctx, t.name, "", bytes.NewReader(body)); err != nil {
		return "", 0, err
	}
	t.ack(producer, first, end)
	return cursor, len(body), nil
}

func (r *rig) checkStuck(ctx context.Context, t, other *topic, live *topicReader, durability string) error {
	if err := other.finish(ctx); err != nil {
		return err
	}
	for _, each := range []*topic{t, other} {
		c, err := each.contents(ctx)
		if err != nil {
			return err
		}
		if each == t && durability == "memory" { // its oldest records are gone, as they may be
			live.stop()
			r.res.took("topic "+t.name, tally.Findings{Records: int64(len(c.IDs)), Corrupt: c.Corrupt + live.corrupt})
			continue
		}
		found, _ := each.book.Check(c)
		r.res.took("topic "+each.name, found)
		for _, f := range each.readers {
			if err := f.caughtUp(ctx, c); err != nil {
				return err
			}
			f.settle(c)
		}
	}
	return nil
}

// cutBody sends a whole record and half of another, and goes away.
func (r *rig) cutBody(ctx context.Context, t *topic) error {
	const producer = 1001
	whole := tally.Append(nil, t.book.WriteNext(producer), 100)
	half := tally.Append(nil, t.book.WriteNext(producer), 400)
	out, body := io.Pipe()
	cut := errors.New("cut")
	go func() {
		_, _ = body.Write(append(whole, half[:200]...)) // a failure shows in the answer
		_ = body.CloseWithError(cut)                    // of a pipe
	}()
	if _, err := r.hub.PostTopic(ctx, t.name, "", out); !errors.Is(err, cut) {
		r.res.failf("topic %s: a cut body is answered with %v", t.name, err)
	}
	return ctx.Err()
}
