package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"waverider/internal/testhub"
)

// feeder sends the stream of records to the input of an Instance, as a careful
// client would: after each cut it asks how far the program is and goes on there.
type feeder struct {
	id   string
	api  testhub.API
	rnd  *rand.Rand
	rate float64 // bytes per second
	res  *result
	done chan struct{}

	mu       sync.Mutex
	stopping bool  // end at the next whole record
	sent     int64 // what the program has in the end
}

// feed starts a feeder; finish ends it.
func feed(ctx context.Context, r *rig, id string, rate float64) *feeder {
	ctx, cancel := context.WithCancel(ctx)
	f := &feeder{id: id, api: r.hub.API, rnd: rand.New(rand.NewPCG(r.rnd.Uint64(), 1)), rate: rate, res: r.res,
		done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.run(ctx)
	}()
	r.defers(func() {
		cancel()
		<-f.done
	})
	return f
}

func (f *feeder) run(ctx context.Context) {
	for ctx.Err() == nil {
		done, err := f.connection(ctx)
		if done {
			return
		}
		var status *testhub.StatusError
		if errors.As(err, &status) && status.Status != 503 {
			f.res.failf("input: %v", err)
			return
		}
		select {
		case <-time.After(retryAfter):
		case <-ctx.Done():
		}
	}
}

// connection sends over one connection; done when everything has been sent.
func (f *feeder) connection(ctx context.Context) (done bool, err error) {
	in, err := f.api.Instance(ctx, f.id)
	if err != nil {
		return false, err
	}
	at := in.Input.Offset
	body, err := f.api.Input(ctx, f.id, "application/octet-stream", at, false)
	if err != nil {
		return false, err
	}
	defer body.Close()
	for ctx.Err() == nil {
		n := f.piece()
		if f.ending() {
			if n = int(-at & (recordSize - 1)); n == 0 {
				return true, f.close(body, at)
			}
		}
		if _, err := body.Write(bytesAt(at, n)); err != nil {
			return false, err
		}
		at += int64(n)
		select {
		case <-time.After(time.Duration(float64(n) / f.rate * float64(time.Second))):
		case <-ctx.Done():
		}
	}
	return false, ctx.Err()
}

// piece is a size between one byte and more than a frame holds.
func (f *feeder) piece() int {
	switch f.rnd.IntN(10) {
	case 0:
		return 1 + f.rnd.IntN(100)
	case 1:
		return 1<<20 + f.rnd.IntN(1<<19)
	}
	return 1 + f.rnd.IntN(128<<10)
}

func (f *feeder) close(body *testhub.In, at int64) error {
	f.mu.Lock()
	f.sent = at
	f.mu.Unlock()
	return body.Finish()
}

func (f *feeder) ending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.stopping
}

// finish lets the feeder send up to a whole record and waits until the
// program has it all. It answers how many records that were.
func (f *feeder) finish(ctx context.Context) (int64, error) {
	f.mu.Lock()
	f.stopping = true
	f.mu.Unlock()
	select {
	case <-f.done:
	case <-ctx.Done():
		return 0, fmt.Errorf("input is not taken: %w", ctx.Err())
	}
	in, err := f.api.Instance(ctx, f.id)
	if err == nil && in.Input.Offset != f.sent {
		err = fmt.Errorf("the program was sent %d bytes, the Hub says it has %d", f.sent, in.Input.Offset)
	}
	return f.sent / recordSize, err
}
