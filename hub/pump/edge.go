package pump

import (
	"context"
	"sync"
)

// Edge is how far the output of one run is durable, or delivered where it goes
// to readers.
type Edge struct {
	mu    sync.Mutex
	at    uint64
	moved chan struct{} // closed and replaced when at moves
}

// NewEdge is the Edge of a run that has no output yet.
func NewEdge() *Edge { return &Edge{moved: make(chan struct{})} }

// reach tells that everything before offset is durable.
func (e *Edge) reach(offset uint64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if offset > e.at {
		e.at = offset
		close(e.moved)
		e.moved = make(chan struct{})
	}
}

// Await waits until everything before offset is durable.
func (e *Edge) Await(ctx context.Context, offset uint64) error {
	for {
		e.mu.Lock()
		at, moved := e.at, e.moved
		e.mu.Unlock()
		if at >= offset {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
