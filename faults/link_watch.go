package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// arrivals counts the records that have come to a place, whichever way they are
// read there.
type arrivals struct {
	place string

	mu    sync.Mutex
	seen  map[tally.ID]bool
	since time.Time     // of mark
	sent  map[int]int64 // what mark was told
	first time.Time     // when the first record came that mark was for
}

// came notes a record, and tells whether it is new here.
func (a *arrivals) came(id tally.ID) bool {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[tally.ID]bool{}
	}
	if a.seen[id] {
		return false
	}
	a.seen[id] = true
	if a.first.IsZero() && now.After(a.since) && id.Write >= a.sent[id.Producer] {
		a.first = now
	}
	return true
}

// count is how many different records have come.
func (a *arrivals) count() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return int64(len(a.seen))
}

// mark makes after wait for a record that comes from now on and is none of
// those that each producer had sent.
func (a *arrivals) mark(sent map[int]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since, a.sent, a.first = time.Now(), sent, time.Time{}
}

const watchEvery = 2 * time.Millisecond

// after waits for the record that mark was for, and answers when it came.
func (a *arrivals) after(ctx context.Context) (time.Time, error) {
	for {
		a.mu.Lock()
		first := a.first
		a.mu.Unlock()
		if !first.IsZero() {
			return first, nil
		}
		select {
		case <-time.After(watchEvery):
		case <-ctx.Done():
			return first, fmt.Errorf("no new record comes to the %s: %w", a.place, ctx.Err())
		}
	}
}

// watcher follows a Topic at a place over as many connections as it takes, each
// from the start.
type watcher struct {
	arrivals
	t      *topic
	api    testhub.API
	cancel context.CancelFunc
	done   chan struct{}
	conns  [][]tally.ID // what each saw; owned by the goroutine until done
}

// watch starts a watcher; the end of the rig ends it.
func (t *topic) watch(ctx context.Context, place string, api testhub.API) *watcher {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{arrivals: arrivals{place: place}, t: t, api: api, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		for ctx.Err() == nil {
			w.connection(ctx)
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}()
	t.r.defers(w.stop)
	return w
}

func (w *watcher) stop() {
	w.cancel()
	<-w.done
}

func (w *watcher) connection(ctx context.Context) {
	out, err := w.api.ReadTopic(ctx, w.t.name, "?from=start")
	if err != nil {
		return
	}
	defer out.Close()
	w.conns = append(w.conns, nil)
	at := len(w.conns) - 1
	corrupt, err := tally.Read(out, func(rec tally.Record) {
		w.conns[at] = append(w.conns[at], rec.ID)
		w.came(rec.ID)
	})
	if corrupt > 0 && (err == nil || err == io.EOF) {
		w.t.r.res.failf("topic %s at the %s: %d corrupt records", w.t.name, w.place, corrupt)
	}
}

// settle stops it and looks whether what each connection saw is an unbroken
// piece of the Topic there.
func (w *watcher) settle(c tally.Contents) {
	w.stop()
	for i, ids := range w.conns {
		if found := tally.Within(c.Index, ids); !found.Good() {
			w.t.r.res.failf("topic %s at the %s, connection %d: %v", w.t.name, w.place, i+1, found)
		}
	}
}
