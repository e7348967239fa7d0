package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// topic is one Topic under test with all that write and read it.
type topic struct {
	r    *rig
	name string
	book tally.Book

	stop      chan struct{} // closed: producers finish what they have begun
	producers sync.WaitGroup
	readers   []*topicReader

	mu    sync.Mutex
	count int       // of producers
	fresh time.Time // when the newest ack came
	acked chan struct{}

	mayRefuse bool              // for want of room
	refused   map[int]time.Time // when each producer was first
}

// newTopic makes a Topic.
func (r *rig) newTopic(ctx context.Context, t testhub.Topic) (*topic, error) {
	if t.ContentType == "" {
		t.ContentType = testhub.NDJSON
	}
	if err := r.hub.CreateTopic(ctx, t); err != nil {
		return nil, err
	}
	return &topic{r: r, name: t.ID, stop: make(chan struct{}), acked: make(chan struct{})}, nil
}

// ack notes what a producer was told.
func (t *topic) ack(producer int, first, end int64) {
	now := time.Now()
	t.book.Ack(producer, first, end, now)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.fresh = now
	close(t.acked)
	t.acked = make(chan struct{})
}

// awaitAck waits for an ack that came after a moment.
func (t *topic) awaitAck(ctx context.Context, after time.Time) (time.Time, error) {
	for {
		t.mu.Lock()
		fresh, acked := t.fresh, t.acked
		t.mu.Unlock()
		if fresh.After(after) {
			return fresh, nil
		}
		select {
		case <-acked:
		case <-ctx.Done():
			return fresh, fmt.Errorf("topic %s: no record is acked: %w", t.name, ctx.Err())
		}
	}
}

// refuse notes that a producer was refused, and answers whether it may be.
func (t *topic) refuse(producer int, full bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, before := t.refused[producer]; !before && t.mayRefuse && full {
		t.refused[producer] = time.Now()
	}
	return t.mayRefuse && full
}

// expectRefusals tells whether the Hub may answer that it is full. Those it
// gave before are forgotten.
func (t *topic) expectRefusals(may bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mayRefuse = may
	if may {
		t.refused = map[int]time.Time{}
	}
}

// refusals answers when producers were first refused.
func (t *topic) refusals() (producers int, at []time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count, slices.Collect(maps.Values(t.refused))
}

// finish lets producers end; everything they have begun is acked after it.
func (t *topic) finish(ctx context.Context) error {
	close(t.stop)
	done := make(chan struct{})
	go func() {
		t.producers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return ctx.Err() // one that was cut short is no proof
	case <-ctx.Done():
		return fmt.Errorf("topic %s: producers can't finish: %w", t.name, ctx.Err())
	}
}

// contents reads the Topic whole.
func (t *topic) contents(ctx context.Context) (tally.Contents, error) {
	return t.contentsAt(ctx, t.r.hub.API)
}

// contentsAt reads it whole at another place.
func (t *topic) contentsAt(ctx context.Context, api testhub.API) (tally.Contents, error) {
	out, err := api.ReadTopic(ctx, t.name, "?from=start&follow=false")
	if err != nil {
		return tally.Contents{}, err
	}
	defer out.Close()
	c, err := tally.ReadAll(out)
	if err != nil {
		return c, fmt.Errorf("read topic %s after %d records: %w", t.name, len(c.IDs), err)
	}
	return c, nil
}

// topicReader follows a Topic over as many connections as it takes.
type topicReader struct {
	t      *topic
	query  string
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	seen    [][]tally.ID // of each connection
	corrupt int64
	opened  time.Time // when the newest connection was
	fresh   time.Time // when the newest connection that gave a record gave its first
	last    time.Time // when the newest record came
	changed chan struct{}
}

// read starts a reader; the end of the rig ends it.
func (t *topic) read(ctx context.Context, query string) *topicReader {
	ctx, cancel := context.WithCancel(ctx)
	f := &topicReader{t: t, query: query, cancel: cancel, done: make(chan struct{}), changed: make(chan struct{})}
	t.readers = append(t.readers, f)
	go func() {
		defer close(f.done)
		for ctx.Err() == nil {
			f.connection(ctx) // a careful reader comes again
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	}()
	t.r.defers(f.stop)
	return f
}

func (f *topicReader) stop() {
	f.cancel()
	<-f.done
}

func (f *topicReader) connection(ctx context.Context) {
	out, err := f.t.r.hub.ReadTopic(ctx, f.t.name, f.query)
	if err != nil {
		return
	}
	defer out.Close()
	f.mu.Lock()
	f.seen = append(f.seen, nil)
	f.opened, f.fresh = time.Now(), time.Time{}
	f.mu.Unlock()
	corrupt, err := tally.Read(out, f.take)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == io.EOF || err == nil {
		f.corrupt += corrupt
	}
}

func (f *topicReader) take(rec tally.Record) {
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.last.IsZero() {
		f.t.r.res.longest(now.Sub(f.last))
	}
	f.last = now
	i := len(f.seen) - 1
	f.seen[i] = append(f.seen[i], rec.ID)
	if f.fresh.IsZero() {
		f.fresh = now
		close(f.changed)
		f.changed = make(chan struct{})
	}
}

// flowsAgain waits for a record on a connection opened after a moment.
func (f *topicReader) flowsAgain(ctx context.Context, after time.Time) (time.Time, error) {
	for {
		f.mu.Lock()
		opened, fresh, changed := f.opened, f.fresh, f.changed
		f.mu.Unlock()
		if opened.After(after) && !fresh.IsZero() {
			return fresh, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fresh, fmt.Errorf("topic %s: reader%s gets no record: %w", f.t.name, f.query, ctx.Err())
		}
	}
}

// settle stops the reader and looks whether what each connection saw is an
// unbroken piece of the Topic.
func (f *topicReader) settle(c tally.Contents) {
	f.stop()
	for i, ids := range f.seen {
		if found := tally.Within(c.Index, ids); !found.Good() {
			f.t.r.res.failf("topic %s, reader%s, connection %d: %v", f.t.name, f.query, i+1, found)
		}
	}
	if f.corrupt > 0 {
		f.t.r.res.failf("topic %s, reader%s: %d corrupt records", f.t.name, f.query, f.corrupt)
	}
}
