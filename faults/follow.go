package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"waverider/internal/testhub"
)

// retryAfter is how soon a client of ours tries again.
const retryAfter = 5 * time.Millisecond

// follower reads a stream by offset, over as many connections as it takes, as
// a careful client would: what it has it never asks for again.
type follower struct {
	name   string
	api    testhub.API
	path   func(offset int64) string
	cancel context.CancelFunc
	done   chan struct{}
	res    *result

	mu      sync.Mutex
	check   *checker
	got     int64     // offset after the last byte
	last    time.Time // when that came
	fresh   time.Time // when the newest connection that gave bytes gave its first
	opened  time.Time // when the newest connection was opened
	ended   bool      // the Hub said that nothing more will come
	changed chan struct{}
}

// followOutput follows the output of an Instance from the first byte.
func followOutput(ctx context.Context, r *rig, name, id string) *follower {
	return follow(ctx, r, name, func(offset int64) string {
		if offset == 0 {
			return "/instance/" + id + "/output"
		}
		return fmt.Sprintf("/instance/%s/output?offset=%d", id, offset)
	})
}

func follow(ctx context.Context, r *rig, name string, path func(int64) string) *follower {
	ctx, cancel := context.WithCancel(ctx)
	f := &follower{name: name, api: r.hub.API, path: path, cancel: cancel, done: make(chan struct{}), res: r.res,
		check: checkFrom(0), last: time.Now(), changed: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.run(ctx)
	}()
	r.defers(f.stop)
	return f
}

// stop ends the follower; it may be called twice.
func (f *follower) stop() {
	f.cancel()
	<-f.done
}

func (f *follower) run(ctx context.Context) {
	for ctx.Err() == nil && !f.isEnded() {
		err := f.connection(ctx)
		var status *testhub.StatusError
		if errors.As(err, &status) && status.Status == 410 {
			f.res.failf("%s: at offset %d: %v", f.name, f.offset(), err)
			return
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// connection reads until the connection ends.
func (f *follower) connection(ctx context.Context) error {
	at := f.offset()
	out, err := f.api.Get(ctx, f.path(at))
	if err != nil {
		return err
	}
	defer out.Close()
	f.open(at, out.Offset)
	buf := make([]byte, 256<<10)
	for {
		n, err := out.Read(buf)
		f.take(buf[:n])
		if errors.Is(err, io.EOF) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.ended = true
			f.wake()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// open compares where the Hub begins with where it was asked to.
func (f *follower) open(asked, begins int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened, f.fresh = time.Now(), time.Time{}
	if begins == asked {
		return
	}
	f.res.failf("%s: asked for offset %d, the Hub begins at %d", f.name, asked, begins)
	if begins > asked {
		f.got = begins // the checker sees what is missing
	}
}

func (f *follower) take(p []byte) {
	if len(p) == 0 {
		return
	}
	now := time.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.res.longest(now.Sub(f.last))
	if f.fresh.IsZero() {
		f.fresh = now
	}
	_, _ = f.check.Write(p) // never fails
	f.got += int64(len(p))
	f.last = now
	f.wake()
}

// wake tells waiters of a change; f.mu is held.
func (f *follower) wake() {
	close(f.changed)
	f.changed = make(chan struct{})
}

func (f *follower) offset() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got
}

func (f *follower) isEnded() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ended
}

// until waits for ok, which is called with f.mu held.
func (f *follower) until(ctx context.Context, what string, ok func() bool) error {
	for {
		f.mu.Lock()
		met, changed := ok(), f.changed
		f.mu.Unlock()
		if met {
			return nil
		}
		select {
		case <-changed:
		case <-f.done:
			f.mu.Lock()
			defer f.mu.Unlock()
			if ok() {
				return nil
			}
			return fmt.Errorf("%s: ended at offset %d, before %s", f.name, f.got, what)
		case <-ctx.Done():
			return fmt.Errorf("%s: no %s, at offset %d: %w", f.name, what, f.offset(), ctx.Err())
		}
	}
}

// flowsAgain waits for bytes on a connection opened after a moment, and
// answers when they came.
func (f *follower) flowsAgain(ctx context.Context, after time.Time) (at time.Time, err error) {
	err = f.until(ctx, "byte after the fault", func() bool {
		at = f.fresh
		return f.opened.After(after) && !f.fresh.IsZero() || f.ended
	})
	return at, err
}

// settle waits until as many records came as there have to be, stops the
// follower and hands over what the checker found.
func (f *follower) settle(ctx context.Context, total int64) {
	err := f.until(ctx, "end", func() bool { return f.got >= total*recordSize })
	f.stop()
	if err != nil {
		f.res.failf("%v", strings.TrimSpace(err.Error()))
	}
	f.check.finish(total)
	f.res.add(f.name, f.check)
}
