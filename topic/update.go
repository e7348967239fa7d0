package topic

import (
	"context"
	"time"

	"waverider"
	"waverider/topic/ledger"
)

// Change is what can be changed of a Topic; nil leaves it as it is.
type Change struct {
	Description *string
	Owner       *string
	Discard     *waverider.Discard
	Scope       *waverider.Scope // never from space to hub
	MaxBytes    *int64           // 0 is the default of its durability
	MaxAge      *waverider.Age   // 0 is no limit

	Check func(waverider.TopicConfig) error // of what is changed, at that moment; its error is Update's. nil: none
}

func (c Change) apply(cfg waverider.TopicConfig) waverider.TopicConfig {
	set(&cfg.Description, c.Description)
	set(&cfg.Owner, c.Owner)
	set(&cfg.Discard, c.Discard)
	set(&cfg.Scope, c.Scope)
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
// wait for room look again. An error of kind Invalid names what cannot be; one of
// kind Conflict says that a Topic of the Space is to be taken from there.
func (t *Topic) Update(ctx context.Context, c Change) error {
	if err := t.ensureReady(ctx); err != nil {
		return err
	}
	err := t.put(func(meta *ledger.Topic) error {
		if c.Check != nil {
			if err := c.Check(meta.TopicConfig); err != nil {
				return err
			}
		}
		if err := stays(meta.TopicConfig, c.Scope); err != nil {
			return err
		}
		meta.TopicConfig = c.apply(meta.TopicConfig)
		return meta.TopicConfig.Validate()
	})
	if err != nil {
		return err
	}
	t.store.log.Info("topic changed", "topic", t.name)
	if c.Scope != nil || c.Description != nil || c.Owner != nil {
		t.store.tell()
	}
	t.mu.Lock()
	t.roomier.fire()
	t.mu.Unlock()
	if err := t.makeRoom(ctx, 0); err != nil {
		return err
	}
	return t.expire(ctx, time.Now())
}
