package topic

import (
	"context"
	"strings"
	"time"
)

// A Topic may be kept by several Stores: each sends the others what they do not
// have. What stands for another Store here, as a durable reader and as a
// producer alike, is named FarSpace, or FarHub and the id of a Hub.
const (
	FarSpace = "space"
	FarHub   = "hub-"
)

// far tells whether a reader or a producer stands for another Store.
func far(name string) bool {
	return name == FarSpace || strings.HasPrefix(name, FarHub) && len(name) > len(FarHub)
}

// Remember makes a durable reader that begins with the oldest record, unless
// there is one of that name: from now on it holds what it has not acked. See
// Durable.
func (t *Topic) Remember(ctx context.Context, name string, expire time.Duration) error {
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	t.mu.Lock()
	known := t.cursors[name] != nil
	t.mu.Unlock()
	if known {
		return nil
	}
	r, err := t.Durable(ctx, name, From{}, expire)
	if err != nil {
		return err
	}
	r.Close()
	return nil
}

// Between is how many records have a number from one up to and without another.
func (t *Topic) Between(from, to uint64) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count(from, to)
}
