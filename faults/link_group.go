package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// durable reads a Topic at a place as the only member of a group, and acks what
// came every ackEvery.
type durable struct {
	arrivals
	t      *topic
	api    testhub.API
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	open   []given // not acked yet, of this connection
	acked  map[tally.ID]bool
	unsure map[tally.ID]bool // their ack had no answer
	order  [][]tally.ID      // what each connection was given
}

// given is a record with the cursors around it.
type given struct {
	id       tally.ID
	from, to string
}

const (
	durableGroup = "cloud"
	ackEvery     = 50 * time.Millisecond
)

// durably starts it; the end of the rig ends it.
func (t *topic) durably(ctx context.Context, place string, api testhub.API) *durable {
	ctx, cancel := context.WithCancel(ctx)
	d := &durable{arrivals: arrivals{place: place}, t: t, api: api, cancel: cancel, acked: map[tally.ID]bool{}, unsure: map[tally.ID]bool{}}
	d.wg.Go(func() {
		for ctx.Err() == nil {
			d.connection(ctx)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	})
	t.r.defers(d.stop)
	return d
}

func (d *durable) stop() {
	d.cancel()
	d.wg.Wait()
}

func (d *durable) connection(ctx context.Context) {
	out, err := d.api.ReadTopic(ctx, d.t.name, "?group="+durableGroup+"&ack=explicit&envelope=true&from=start")
	if err != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	var acks sync.WaitGroup
	defer acks.Wait()
	defer cancel()
	defer out.Close()
	d.mu.Lock()
	d.open = nil // will be given again
	d.order = append(d.order, nil)
	d.mu.Unlock()
	acks.Go(func() { d.ackAll(ctx) })
	lines := bufio.NewReaderSize(out, 256<<10)
	for ctx.Err() == nil {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e enveloped
		if err := json.Unmarshal(line, &e); err != nil || e.Missed > 0 {
			d.t.r.res.failf("group at the %s: got %.200q: %v", d.place, line, err)
			return
		}
		rec, ok := tally.Parse(e.Data)
		if !ok {
			d.t.r.res.failf("group at the %s: corrupt record: %.200q", d.place, e.Data)
			return
		}
		d.take(rec.ID, e)
	}
}

func (d *durable) take(id tally.ID, e enveloped) {
	d.came(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.acked[id] {
		d.t.r.res.failf("group at the %s: %v was acked and is given again", d.place, id)
	}
	at := len(d.order) - 1
	d.order[at] = append(d.order[at], id)
	d.open = append(d.open, given{id, e.From, e.Cursor})
}

// ackAll acks in one call what came since the last, as it lies side by side.
func (d *durable) ackAll(ctx context.Context) {
	tick := time.NewTicker(ackEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
		batch := d.open
		d.open = nil
		d.mu.Unlock()
		for len(batch) > 0 && ctx.Err() == nil {
			n := 1
			for n < len(batch) && batch[n].from == batch[n-1].to {
				n++
			}
			d.ack(ctx, batch[:n])
			batch = batch[n:]
		}
	}
}

func (d *durable) ack(ctx context.Context, run []given) {
	err := d.api.AckTopic(ctx, d.t.name, durableGroup, run[0].from, run[len(run)-1].to)
	var status *testhub.StatusError
	if errors.As(err, &status) && status.Status != http.StatusServiceUnavailable {
		d.t.r.res.failf("group at the %s: ack of %d records from %v: %v", d.place, len(run), run[0].id, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, g := range run {
		if err != nil {
			d.unsure[g.id] = true
		} else {
			d.acked[g.id] = true
		}
	}
}

// settle waits until every record of the Topic there was given and acked, and
// looks whether each connection was given them in order.
func (d *durable) settle(ctx context.Context, c tally.Contents) error {
	for {
		d.mu.Lock()
		missing := 0
		for _, id := range c.IDs {
			if !d.acked[id] && !d.unsure[id] {
				missing++
			}
		}
		d.mu.Unlock()
		if missing == 0 {
			break
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("group at the %s: %d of %d records are never given to be acked", d.place, missing, len(c.IDs))
		}
	}
	d.stop()
	for i, ids := range d.order {
		if found := tally.Within(c.Index, ids); found.Duplicated+found.Lost > 0 {
			d.t.r.res.failf("group at the %s, connection %d: %v", d.place, i+1, found)
		}
	}
	return nil
}
