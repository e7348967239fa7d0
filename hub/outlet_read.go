package hub

import (
	"context"

	"waverider"
)

// read serves one reader until the output ends, ctx ends or write fails.
// started is told the offset of the first byte before any byte is written;
// from names the first offset that is wanted, nil takes what comes.
func (o *outlet) read(ctx context.Context, from *uint64, started func(offset uint64) error, write func([]byte) error) error {
	if err := o.enter(ctx); err != nil {
		return err
	}
	at, kept, rest := o.pos, o.pos, o.rest
	if rest != nil {
		kept = rest.from
	}
	if from != nil {
		at = *from
	}
	if at < kept {
		o.mu.Unlock()
		return &waverider.Error{Kind: waverider.Gone, Detail: map[string]any{"offset": kept},
			Message: "output before offset is delivered already and not kept; read on from \"offset\""}
	}
	if rest == nil && o.atEnd {
		o.mu.Unlock()
		return started(at)
	}
	if rest != nil {
		o.mu.Unlock()
		return o.readRest(ctx, rest, at, from == nil, started, write)
	}
	r := &outReader{write: write, from: at, exact: from != nil, done: make(chan struct{})}
	r.mu.Lock() // no byte before started has run
	o.readers[r] = true
	if !isClosed(o.arrived) {
		close(o.arrived)
	}
	o.mu.Unlock()
	err := started(at)
	if err != nil {
		r.write = nil
	}
	r.mu.Unlock()
	if err == nil {
		select {
		case <-r.done:
		case <-ctx.Done():
		}
	}
	o.drop(r, ctx.Err())
	r.mu.Lock() // wait for a write under way
	r.write = nil
	r.mu.Unlock()
	if r.err != nil {
		return r.err
	}
	return err
}

// enter waits until the outlet is open and returns with o.mu held.
func (o *outlet) enter(ctx context.Context) error {
	for {
		o.mu.Lock()
		opened := o.opened
		if isClosed(opened) {
			return nil
		}
		o.mu.Unlock()
		select {
		case <-opened:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
