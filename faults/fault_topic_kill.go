package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

const (
	readableWithin = 2 * time.Second // after a restart, the first record
	asyncMayLose   = time.Second     // before a kill
)

// topicRound is the Topics of one kill. They share a Hub with those of the
// rounds before.
type topicRound struct {
	r      *rig
	topics []*topic
	killed time.Time
	bar    time.Duration // for the first record after a restart

	cursors  []*cursors
	dropping *topic // the one that drops its oldest records
}

func topicSyncKilled(ctx context.Context, r *rig) error  { return r.topicKills(ctx, "sync") }
func topicAsyncKilled(ctx context.Context, r *rig) error { return r.topicKills(ctx, "async") }

// topicKills kills one Hub again and again while Topics are written and read.
func (r *rig) topicKills(ctx context.Context, durability string) error {
	if err := r.open(ctx, "", "--warm-pool", "0"); err != nil {
		return err
	}
	bar, err := r.startBar(ctx)
	if err != nil {
		return err
	}
	var kept []keptTopic
	for i := range r.rounds {
		k := &topicRound{r: r, bar: bar}
		if err := k.open(ctx, durability, i); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		if err := k.kill(ctx); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		for _, c := range k.cursors {
			c.stop()
		}
		for _, t := range k.topics {
			c, err := k.check(ctx, t, durability)
			if err != nil {
				return fmt.Errorf("round %d: %w", i+1, err)
			}
			kept = append(kept, keptTopic{t, c})
		}
		r.res.round()
		if n := len(kept) - keptTopics; n > 0 {
			if err := r.unchanged(ctx, kept[:n]); err != nil {
				return err
			}
			kept = kept[n:]
		}
	}
	return r.unchanged(ctx, kept)
}

// keptTopic is a Topic as it was after its round.
type keptTopic struct {
	topic    *topic
	contents tally.Contents
}

// keptTopics is how many stay on the Hub for later kills.
const keptTopics = 12

// startBar is how soon after a start records have to be readable: 2 s, or on a
// machine that is busy with something else ten times what an empty Hub takes.
func (r *rig) startBar(ctx context.Context) (time.Duration, error) {
	if err := r.kill9(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	err := r.hub.Start(ctx)
	return max(readableWithin, 10*time.Since(began)), err
}

// open starts what writes and reads: more than one Topic, so that they share
// commits.
func (k *topicRound) open(ctx context.Context, durability string, round int) error {
	for i := range 3 {
		t, err := k.r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("%s-%d-%d", durability, round, i), Durability: durability})
		if err != nil {
			return err
		}
		k.topics = append(k.topics, t)
	}
	t, err := k.r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("%s-%d-old", durability, round), Durability: durability, Discard: "old", MaxBytes: 256 << 10})
	if err != nil {
		return err
	}
	k.dropping = t
	k.topics = append(k.topics, t)
	t.produce(ctx, 2000, 8*time.Millisecond, sendAcked)
	busy := k.topics[0]
	pause := 4 * time.Millisecond
	if round%4 == 3 { // so much that the Topic moves to a stream of its own
		pause = 0
		busy.produce(ctx, 4000, 0, sendLong)
	}
	busy.produce(ctx, 300, pause, sendSmall)
	busy.produce(ctx, 300, pause, sendSmall)
	busy.produce(ctx, 2000, pause, sendLong)
	busy.produce(ctx, 2000, pause, sendAcked)
	k.topics[1].produce(ctx, 300, 0, sendSmall)
	k.topics[1].produce(ctx, 100, pause, sendLong)
	k.topics[2].produce(ctx, 300, 2*pause, sendSmall)
	for _, t := range k.topics[:2] {
		t.read(ctx, "")
		t.read(ctx, "?from=start")
		if durability == "async" || round%5 == 0 { // it is much work
			k.cursors = append(k.cursors, t.collect(ctx))
		}
	}
	_, err = k.flowsAgain(ctx, time.Time{})
	return err
}

// flowsAgain waits until every Topic takes records and every reader has some,
// on connections opened after a moment.
// The answer is when the first reader had its first.
func (k *topicRound) flowsAgain(ctx context.Context, after time.Time) (first time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, waitFlow)
	defer cancel()
	for _, t := range k.topics {
		if _, err := t.awaitAck(ctx, after); err != nil {
			return first, err
		}
		for _, f := range t.readers {
			at, err := f.flowsAgain(ctx, after)
			if err != nil {
				return first, err
			}
			if first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first, nil
}

// kill ends the Hub at a random moment and lets the producers finish with the
// next one.
func (k *topicRound) kill(ctx context.Context) error {
	r := k.r
	r.wait(ctx, time.Millisecond, 300*time.Millisecond)
	k.killed = time.Now()
	if err := r.kill9(ctx); err != nil {
		return err
	}
	r.wait(ctx, time.Millisecond, 50*time.Millisecond)
	for r.rnd.IntN(3) == 0 {
		if err := r.killComing(ctx); err != nil {
			return err
		}
	}
	began := time.Now()
	if err := r.hub.Start(ctx); err != nil {
		return err
	}
	first, err := k.flowsAgain(ctx, began)
	if err != nil {
		return err
	}
	r.res.recovered(time.Since(began))
	if took := first.Sub(began); took > k.bar {
		r.res.failf("the first record was read %.3f s after the start, want %v", took.Seconds(), k.bar)
	}
	r.wait(ctx, time.Millisecond, 100*time.Millisecond)
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	for _, t := range k.topics {
		if err := t.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// killComing starts a Hub and kills it before it is all there, or soon after.
func (r *rig) killComing(ctx context.Context) error {
	up := make(chan error, 1)
	go func() { up <- r.hub.Start(ctx) }()
	r.wait(ctx, 10*time.Millisecond, 80*time.Millisecond)
	for r.hub.PID() == 0 && ctx.Err() == nil { // not even begun
		time.Sleep(time.Millisecond)
	}
	err := r.kill9(ctx)
	<-up // that it did not come is no surprise
	return err
}

// check reads a Topic whole and holds it against what its producers know.
func (k *topicRound) check(ctx context.Context, t *topic, durability string) (tally.Contents, error) {
	c, err := t.contents(ctx)
	if err != nil {
		return c, err
	}
	judge := t.book.Check
	if t == k.dropping {
		judge = t.book.CheckTail
	}
	found, losses := judge(c)
	if durability == "sync" {
		k.r.res.took("topic "+t.name, found)
		for _, f := range t.readers {
			f.settle(c)
		}
		return c, nil
	}
	for _, f := range t.readers {
		f.stop()
	}
	return c, k.asyncLoss(ctx, t, found, losses)
}

// asyncLoss looks whether what is lost is the last moment, and whether the Hub
// says so.
func (k *topicRound) asyncLoss(ctx context.Context, t *topic, found tally.Findings, losses []tally.Loss) error {
	lost := found.Lost
	found.Lost = 0
	k.r.res.took("topic "+t.name, found)
	k.r.res.mayLose(lost)
	info, err := k.r.hub.TopicInfo(ctx, t.name)
	if err != nil || lost == 0 {
		return err
	}
	oldest := time.Duration(0)
	for _, l := range losses {
		oldest = max(oldest, k.killed.Sub(l.Acked))
	}
	k.r.res.notef("topic %s lost %d records acked at most %.3f s before the kill", t.name, lost, oldest.Seconds())
	if oldest > asyncMayLose {
		k.r.res.failf("topic %s lost records acked %.3f s before the kill", t.name, oldest.Seconds())
	}
	if len(info.Damage) == 0 {
		k.r.res.failf("topic %s lost %d records, and the Hub tells of no damage", t.name, lost)
	}
	return nil
}

// unchanged looks whether Topics are still what they were after their round,
// and removes them.
func (r *rig) unchanged(ctx context.Context, kept []keptTopic) error {
	for _, k := range kept {
		now, err := k.topic.contents(ctx)
		if err != nil {
			return err
		}
		if found := tally.Compare(k.contents.IDs, now.IDs); !found.Good() {
			r.res.failf("topic %s is not what it was some kills ago: %v", k.topic.name, found)
		}
		if err := r.hub.JSON(ctx, http.MethodDelete, "/topics/"+k.topic.name, nil, nil); err != nil {
			return err
		}
	}
	return nil
}
