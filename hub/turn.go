package hub

import (
	"context"
	"sync"
	"time"
)

// turnWithin is how long a body waits for the ones accepted before it.
const turnWithin = time.Second

// turns brings bodies in the order in which they were accepted. The answer to
// a body begins before it is read: a client that takes that for its end sends
// the next one at once, on another connection, where it may be the faster. A
// body that goes on and on holds the others up for turnWithin only.
type turns struct {
	mu   sync.Mutex
	last <-chan struct{} // closed when the body accepted last is through
}

// turn is the place of one body.
type turn struct {
	before <-chan struct{}
	done   chan struct{}
	once   sync.Once
}

func (t *turns) take() *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := &turn{before: t.last, done: make(chan struct{})}
	t.last = mine.done
	return mine
}

// await returns when the bodies before are through, or have had their time.
func (t *turn) await(ctx context.Context) error {
	if t.before == nil {
		return nil
	}
	late := time.NewTimer(turnWithin)
	defer late.Stop()
	select {
	case <-t.before:
		return nil
	case <-late.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// leave lets the next body go. It may be called again.
func (t *turn) leave() { t.once.Do(func() { close(t.done) }) }
