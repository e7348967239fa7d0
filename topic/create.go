package topic

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"waverider"
	"waverider/bus"
	"waverider/topic/ledger"
)

// Create makes a Topic; it is on disk when this returns. The error is Conflict
// when there is one of that name.
func (s *Store) Create(ctx context.Context, cfg waverider.TopicConfig) (*Topic, error) {
	t, made, err := s.ensure(ctx, cfg)
	if err == nil && !made {
		return nil, waverider.Errorf(waverider.Conflict, "Topic with given id already exist: %s", cfg.Name)
	}
	return t, err
}

// Ensure finds a Topic or makes it with cfg. A Topic of another content type
// than asked for is an error of kind Unsupported; cfg.ContentType "" takes any.
func (s *Store) Ensure(ctx context.Context, cfg waverider.TopicConfig) (*Topic, error) {
	s.mu.Lock()
	t := s.topics[cfg.Name]
	s.mu.Unlock()
	if t == nil || !t.made() || t.leaving() {
		var err error
		if t, _, err = s.ensure(ctx, cfg); err != nil {
			return nil, err
		}
	}
	return t, t.Takes(cfg.ContentType)
}

// Takes is nil for the content type of the Topic and for "", which means any;
// else an error of kind Unsupported.
func (t *Topic) Takes(contentType string) error {
	if have := t.Config().ContentType; contentType != "" && !sameType(have, contentType) {
		return waverider.Errorf(waverider.Unsupported, "Unsupported content-type: Topic %s is %s, not %s", t.name, have, contentType)
	}
	return nil
}

// sameType takes the two names of NDJSON for one.
func sameType(a, b string) bool {
	if b == waverider.TypeTextNDJSON {
		b = waverider.TypeNDJSON
	}
	if a == waverider.TypeTextNDJSON {
		a = waverider.TypeNDJSON
	}
	return a == b
}

func (s *Store) ensure(ctx context.Context, cfg waverider.TopicConfig) (t *Topic, made bool, err error) {
	if t, err := s.Topic(cfg.Name); cfg.Name.IsParked() && (err != nil || t.leaving()) {
		_, err := waverider.ParseTopicName(string(cfg.Name))
		return nil, false, err
	}
	return s.put(ctx, cfg)
}

// put finds a Topic or makes it.
func (s *Store) put(ctx context.Context, cfg waverider.TopicConfig) (t *Topic, made bool, err error) {
	if cfg.Durability == "" {
		cfg.Durability = waverider.DurabilitySync
	}
	if err := cfg.Validate(); err != nil {
		return nil, false, err
	}
	for {
		s.mu.Lock()
		switch t := s.topics[cfg.Name]; {
		case s.closed:
			s.mu.Unlock()
			return nil, false, ErrClosed
		case t == nil:
			t = newTopic(s, s.newMeta(s.scoped(cfg)))
			t.making, t.fresh, t.alive = make(chan struct{}), true, true
			s.topics[cfg.Name] = t
			s.mu.Unlock()
			return s.make(t)
		default:
			changed := s.changed.wait()
			s.mu.Unlock()
			if t.leaving() {
				select {
				case <-changed: // it may be gone now
					continue
				case <-ctx.Done():
					return nil, false, ctx.Err()
				case <-s.life.Done():
					return nil, false, ErrClosed
				}
			}
			if t.making != nil {
				select {
				case <-t.making:
				case <-ctx.Done():
					return nil, false, ctx.Err()
				}
				if t.makeErr != nil {
					continue // somebody else's attempt failed; ours may not
				}
			}
			return t, false, nil
		}
	}
}

func (s *Store) newMeta(cfg waverider.TopicConfig) ledger.Topic {
	meta := ledger.Topic{TopicConfig: cfg, Created: s.now(), Dropped: 1,
		Runs: []ledger.Run{{Incarnation: s.incarnate(0), First: 1}}}
	switch {
	case cfg.Durability == waverider.DurabilityMemory:
	case cfg.MaxBytes > 0 || cfg.MaxAge > 0 || cfg.Discard != "": // limits are kept by whole blocks of a stream of its own
		meta.Segments = []string{ownStream(cfg.Name, meta.Runs[0].Incarnation)}
	case cfg.Durability == waverider.DurabilityAsync:
		meta.Segments = []string{streamAsync}
	default:
		meta.Segments = []string{streamSync}
	}
	return meta
}

// make puts a new Topic on disk.
func (s *Store) make(t *Topic) (*Topic, bool, error) {
	err := s.guard.check()
	if err == nil {
		if reader := s.held(t.meta.TopicConfig); reader != "" {
			err = s.ledger.PutTopicRead(t.meta, reader, ledger.Cursor{Incarnation: t.meta.Runs[0].Incarnation, Number: 1, Updated: s.now()})
		} else {
			err = s.ledger.PutTopic(t.meta)
		}
	}
	if err != nil {
		t.makeErr = err
		s.mu.Lock()
		delete(s.topics, t.name)
		s.mu.Unlock()
		close(t.making)
		return nil, false, err
	}
	close(t.making)
	s.tell() // who looks now finds it
	s.log.Info("topic created", "topic", t.name, "type", t.meta.ContentType, "durability", t.durability)
	return t, true, nil
}

// leaving tells that the Topic is being deleted.
func (t *Topic) leaving() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.meta.Deleting
}

// Delete removes a Topic with all its records. Its readers and writers end. It
// goes on when ctx ends; one that failed can be called again.
func (s *Store) Delete(ctx context.Context, name waverider.TopicName) error {
	t, err := s.Topic(name)
	if err != nil {
		return err
	}
	err = t.put(func(meta *ledger.Topic) error {
		meta.Deleting = true
		return nil
	})
	if err != nil && waverider.KindOf(err) != waverider.Gone {
		return err
	}
	t.close(deleted(name))
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed // the next Store does it
	}
	done := make(chan error, 1)
	s.tasks.Go(func() { done <- s.remove(t) })
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// remove erases a Topic that is closed for good.
func (s *Store) remove(t *Topic) error {
	t.erasing.Lock()
	defer t.erasing.Unlock()
	s.mu.Lock()
	gone := s.topics[t.name] != t
	s.mu.Unlock()
	if gone {
		return nil // by another call
	}
	if err := t.idle(s.life); err != nil {
		return err
	}
	s.cursors.forget(t)
	t.mu.Lock()
	meta := t.meta
	t.mu.Unlock()
	if err := s.erase(s.life, meta); err != nil {
		return fmt.Errorf("erase Topic %s: %w", t.name, err)
	}
	s.mu.Lock()
	delete(s.topics, t.name)
	s.mu.Unlock()
	s.tell()
	s.log.Info("topic deleted", "topic", t.name)
	return nil
}

func deleted(name waverider.TopicName) error {
	return waverider.Errorf(waverider.Gone, "Topic %s was deleted", name)
}

// erase drops the records of a Topic and then what is known of it.
func (s *Store) erase(ctx context.Context, meta ledger.Topic) error {
	streams := slices.Clone(meta.Segments)
	for _, shared := range []string{streamSync, streamAsync} { // what a kill may have left there, see drop
		_, err := s.bus.NextOf(ctx, shared, segmentOf(meta.Name, shared).filter(), 0)
		switch {
		case err == nil && !slices.Contains(streams, shared):
			streams = append(streams, shared)
		case err != nil && !errors.Is(err, bus.ErrNotFound):
			return err
		}
	}
	for _, stream := range streams {
		if err := s.leave(ctx, meta.Name, stream); err != nil {
			return err
		}
		if stream != streamSync && stream != streamAsync {
			s.mu.Lock()
			delete(s.lanes, stream)
			s.mu.Unlock()
		}
	}
	s.raise(meta.Last())
	return s.ledger.DeleteTopic(meta.Name)
}
