package bus

import (
	"context"
	"sync"
	"time"
)

// Publications may go wrong for reviveAfter before the engine is started anew, and it is not tried again for
// reviveAgain.
const (
	reviveAfter = time.Second
	reviveAgain = 5 * time.Second
)

type revival struct {
	mu    sync.Mutex
	tried time.Time
	busy  bool
}

// Revive starts the engine anew for a user of the Bus whose publications have failed since then, for a reason of the
// engine or the disk: a stream that met a full disk takes nothing until that is done. It does so after a second of
// trouble, when the disk has room, one at a time and not too often; true means that it has. Whoever publishes calls it
// at each failure and goes on trying.
func (b *Bus) Revive(ctx context.Context, since time.Time, cause error) bool {
	if time.Since(since) < reviveAfter || diskIsFull(b.config.Dir) || ctx.Err() != nil {
		return false
	}
	r := &b.revival
	r.mu.Lock()
	due := !r.busy && time.Since(r.tried) >= reviveAgain
	if due {
		r.busy, r.tried = true, time.Now()
	}
	r.mu.Unlock()
	if !due {
		return false
	}
	defer func() {
		r.mu.Lock()
		r.busy = false
		r.mu.Unlock()
	}()
	b.config.Log.Warn("streams take no messages; starting the engine anew", "err", cause)
	if err := b.Restart(ctx); err != nil {
		b.config.Log.Error("engine not started anew", "err", err)
		return false
	}
	return true
}
