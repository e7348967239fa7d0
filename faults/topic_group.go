package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// enveloped is a line of a Topic read with envelope=true.
type enveloped struct {
	Cursor string          `json:"cursor"`
	From   string          `json:"from"`
	Data   json.RawMessage `json:"data"`
	Missed int64           `json:"missed"`
}

// groupReaders read a Topic as one group and ack each record, or leave it for
// the time being.
type groupReaders struct {
	t     *topic
	name  string
	leave float64 // share of records that are not acked at once

	mu     sync.Mutex
	given  map[tally.ID]int
	acked  map[tally.ID]bool // as an answer said
	unsure map[tally.ID]bool // no answer came
	last   time.Time         // when the newest record came
	all    bool              // ack every record from now on

	cancel  context.CancelFunc
	members sync.WaitGroup
}

// group starts members of a group; the end of the rig ends them.
func (t *topic) group(ctx context.Context, name string, members int, leave float64) *groupReaders {
	ctx, cancel := context.WithCancel(ctx)
	g := &groupReaders{t: t, name: name, leave: leave, given: map[tally.ID]int{}, acked: map[tally.ID]bool{}, unsure: map[tally.ID]bool{}, cancel: cancel}
	for i := range members {
		rnd := rand.New(rand.NewPCG(t.r.rnd.Uint64(), uint64(i)))
		g.members.Go(func() {
			for ctx.Err() == nil {
				g.connection(ctx, rnd)
				select {
				case <-time.After(retryAfter):
				case <-ctx.Done():
				}
			}
		})
	}
	t.r.defers(g.stop)
	return g
}

func (g *groupReaders) stop() {
	g.cancel()
	g.members.Wait()
}

func (g *groupReaders) connection(ctx context.Context, rnd *rand.Rand) {
	out, err := g.t.r.hub.ReadTopic(ctx, g.t.name, "?group="+g.name+"&ack=explicit&envelope=true&from=start")
	if err != nil {
		return
	}
	defer out.Close()
	lines := bufio.NewReaderSize(out, 64<<10)
	for ctx.Err() == nil {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e enveloped
		if err := json.Unmarshal(line, &e); err != nil || e.Missed > 0 {
			g.t.r.res.failf("group %s: got %.200q: %v", g.name, line, err)
			return
		}
		rec, ok := tally.Parse(e.Data)
		if !ok {
			g.t.r.res.failf("group %s: corrupt record: %.200q", g.name, e.Data)
			return
		}
		if g.take(rec.ID) || rnd.Float64() >= g.leave {
			g.ack(ctx, rec.ID, e)
		}
	}
}

// take notes a record and answers whether it is to be acked whatever comes.
func (g *groupReaders) take(id tally.ID) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.acked[id] {
		g.t.r.res.failf("group %s: %v was acked and is given again", g.name, id)
	}
	g.given[id]++
	g.last = time.Now()
	return g.all
}

func (g *groupReaders) ack(ctx context.Context, id tally.ID, e enveloped) {
	err := g.t.r.hub.AckTopic(ctx, g.t.name, g.name, e.From, e.Cursor)
	var status *testhub.StatusError
	if errors.As(err, &status) && status.Status != http.StatusServiceUnavailable {
		g.t.r.res.failf("group %s: ack of %v: %v", g.name, id, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.unsure[id] = true
	} else {
		g.acked[id] = true
	}
}

// finish acks everything from now on and waits until no record is left. One
// whose ack was not answered need not come again.
func (g *groupReaders) finish(ctx context.Context, c tally.Contents) error {
	g.mu.Lock()
	g.all = true
	g.mu.Unlock()
	for ctx.Err() == nil {
		g.mu.Lock()
		missing := 0
		for _, id := range c.IDs {
			if !g.acked[id] && !g.unsure[id] {
				missing++
			}
		}
		g.mu.Unlock()
		if missing == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("group %s: %d of %d records are never given to be acked", g.name, missing, len(c.IDs))
		}
	}
	return ctx.Err()
}

// again counts the records that were given more than once.
func (g *groupReaders) again() (n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, times := range g.given {
		if times > 1 {
			n++
		}
	}
	return n
}

// topicGroupsKilled kills the Hub under groups that ack each record, and under
// one whose records are acked as it gets them.
func topicGroupsKilled(ctx context.Context, r *rig) error {
	if err := r.open(ctx, "", "--warm-pool", "0"); err != nil {
		return err
	}
	for i := range r.rounds {
		if err := r.groupRound(ctx, i); err != nil {
			return fmt.Errorf("round %d: %w", i+1, err)
		}
		r.res.round()
	}
	return nil
}

func (r *rig) groupRound(ctx context.Context, round int) error {
	t, err := r.newTopic(ctx, testhub.Topic{ID: fmt.Sprintf("group-%d", round)})
	if err != nil {
		return err
	}
	for range 2 {
		t.produce(ctx, 200, 8*time.Millisecond, sendSmall)
	}
	explicit := t.group(ctx, "explicit", 3, 0.3)
	auto := t.read(ctx, "?group=auto&from=start")
	if _, err := auto.flowsAgain(ctx, time.Time{}); err != nil {
		return err
	}
	for range 2 {
		r.wait(ctx, 50*time.Millisecond, 300*time.Millisecond)
		if err := r.kill9(ctx); err != nil {
			return err
		}
		began := time.Now()
		if err := r.hub.Start(ctx); err != nil {
			return err
		}
		flow, cancel := context.WithTimeout(ctx, waitFlow)
		at, err := auto.flowsAgain(flow, began)
		cancel()
		if err != nil {
			return err
		}
		r.res.recovered(at.Sub(began))
	}
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	if err := t.finish(ctx); err != nil {
		return err
	}
	return r.checkGroups(ctx, t, explicit, auto)
}

func (r *rig) checkGroups(ctx context.Context, t *topic, explicit *groupReaders, auto *topicReader) error {
	if err := r.kill9(ctx); err != nil { // what was left is given again
		return err
	}
	explicit.mu.Lock()
	explicit.all = true
	explicit.mu.Unlock()
	if err := r.hub.Start(ctx); err != nil {
		return err
	}
	c, err := t.contents(ctx)
	if err != nil {
		return err
	}
	found, _ := t.book.Check(c)
	r.res.took("topic "+t.name, found)
	if err := explicit.finish(ctx, c); err != nil {
		r.res.failf("%v", err)
	}
	if err := auto.caughtUp(ctx, c); err != nil {
		r.res.failf("%v", err)
	}
	explicit.stop()
	auto.stop()
	r.res.repeats(explicit.again())
	return r.nothingHeld(ctx, t)
}

// caughtUp waits until the reader has had the last record, and looks whether it
// has had them all.
func (f *topicReader) caughtUp(ctx context.Context, c tally.Contents) error {
	seen := map[tally.ID]bool{}
	for {
		f.mu.Lock()
		for _, ids := range f.seen {
			for _, id := range ids {
				seen[id] = true
			}
		}
		f.mu.Unlock()
		missing := 0
		for _, id := range c.IDs {
			if !seen[id] {
				missing++
			}
		}
		if missing == 0 {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("topic %s, reader%s: %d of %d records never came", f.t.name, f.query, missing, len(c.IDs))
		}
	}
}

// nothingHeld looks whether the Hub agrees that everything is acked.
func (r *rig) nothingHeld(ctx context.Context, t *topic) error {
	info, err := r.hub.TopicInfo(ctx, t.name)
	if err != nil {
		return err
	}
	var buf bytes.Buffer
	for _, reader := range info.Readers {
		if reader.Kind == "group" && reader.Lag > 0 {
			fmt.Fprintf(&buf, " %s has %d left", reader.Name, reader.Lag)
		}
	}
	if buf.Len() > 0 {
		r.res.failf("topic %s: every record is acked, and the Hub says:%s", t.name, buf.String())
	}
	return nil
}
