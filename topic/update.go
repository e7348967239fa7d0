package topic

import (
	"context"
	"time"

	"waverider"
)

// Change is what can be changed of a Topic; nil leaves it as it is.
type Change struct {
	Description *string
	Owner       *string
	Discard     *waverider.Discard
	MaxBytes    *int64         // 0 is the default of its durability
	MaxAge      *waverider.Age // 0 is no limit
}

func (c Change) apply(cfg waverider.TopicConfig) waverider.TopicConfig {
	set(&cfg.Description, c.Description)
	set(&cfg.Owner, c.Owner)
	set(&cfg.Discard, c.Discard)
	set(&cfg.MaxBytes, c.MaxBytes)
	set(&cfg.MaxAge, c.MaxAge)
	return cfg
}

func set[T any](field *T, value *T) {
	if value != nil {
		*field = *value
	}
}

// Update changes the Topic; it is on disk when this returns. Records over a
// smaller limit are dropped, as far as no reader needs them, and producers that
// wait for room look again. An error of kind Invalid names what cannot be.
func (t *Topic) Update(ctx context.Context, c Change) error {
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	t.putting.Lock()
	err := t.putChange(c)
	t.putting.Unlock()
	if err != nil {
		return err
	}
	t.store.log.Info("topic changed", "topic", t.name)
	if err := t.makeRoom(ctx, 0); err != nil {
		return err
	}
	return t.expire(ctx, time.Now())
}

// putChange is Update without what follows from it. t.putting is held.
func (t *Topic) putChange(c Change) error {
	t.mu.Lock()
	before, ended := t.meta.TopicConfig, t.ended
	t.mu.Unlock()
	if ended != nil {
		return ended
	}
	cfg := c.apply(before)
	if err := cfg.Validate(); err != nil {
		return err
	}
	t.mu.Lock()
	t.meta.TopicConfig = cfg
	meta := t.meta
	t.mu.Unlock()
	if err := t.store.ledger.PutTopic(meta); err != nil {
		t.mu.Lock()
		t.meta.TopicConfig = before
		t.mu.Unlock()
		return err
	}
	t.mu.Lock()
	t.roomier.fire()
	t.mu.Unlock()
	return nil
}
