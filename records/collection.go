package records

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"waverider"
)

// Rev tells a value from those that were and will be in its place.
type Rev uint64

// Item is a value with its key.
type Item[T any] struct {
	Key   string
	Rev   Rev
	Value T
}

// Collection holds values of one type by key. Errors are of the kinds
// NotFound, Conflict, Invalid, TooLarge, Full and Unavailable; after
// Unavailable and Full a change may be stored or not. A Conflict after the
// engine was in trouble can be with a change that came after one's own.
type Collection[T any] struct {
	store *Store
	name  string
}

// Of names a collection. It need not be made; T is what all its values are
// read as, and fields that T does not have are lost when one is written.
func Of[T any](s *Store, name string) *Collection[T] {
	return &Collection[T]{store: s, name: name}
}

func (c *Collection[T]) at(key string) address { return address{c.name, key} }

// Get answers a value; the error is NotFound when there is none.
func (c *Collection[T]) Get(ctx context.Context, key string) (value T, rev Rev, err error) {
	e, err := c.store.read(ctx, c.at(key))
	if err != nil {
		return value, 0, err
	}
	value, err = c.decode(key, e)
	return value, Rev(e.rev), err
}

// List answers all values, by key.
func (c *Collection[T]) List(ctx context.Context) ([]Item[T], error) {
	entries, err := c.store.list(ctx, c.name)
	if err != nil {
		return nil, err
	}
	items := make([]Item[T], 0, len(entries))
	for _, e := range entries {
		value, err := c.decode(e.key, e.entry)
		if err != nil {
			return nil, err
		}
		items = append(items, Item[T]{e.key, Rev(e.rev), value})
	}
	return items, nil
}

// Put stores a value, whatever is there.
func (c *Collection[T]) Put(ctx context.Context, key string, value T) (Rev, error) {
	return c.put(ctx, key, value, func(entry) error { return nil })
}

// Create stores a value where there is none; else the error is Conflict.
func (c *Collection[T]) Create(ctx context.Context, key string, value T) (Rev, error) {
	return c.put(ctx, key, value, func(e entry) error {
		if e.value != nil {
			return waverider.Errorf(waverider.Conflict, "%s has %q already; take another name, or change that one", c.name, key)
		}
		return nil
	})
}

// Update stores a value in the place of the one that has rev. The error
// is Conflict when another one is there, NotFound when there is none.
func (c *Collection[T]) Update(ctx context.Context, key string, rev Rev, value T) (Rev, error) {
	return c.put(ctx, key, value, c.still(key, rev))
}

// Delete removes a value; the error is NotFound when there is none.
func (c *Collection[T]) Delete(ctx context.Context, key string) error {
	_, err := c.store.write(ctx, c.at(key), nil, func(e entry) error {
		if e.value == nil {
			return c.at(key).notFound()
		}
		return nil
	})
	return err
}

// DeleteAt removes a value if it still has rev, as Update changes one:
// of several callers one is told that it was he.
func (c *Collection[T]) DeleteAt(ctx context.Context, key string, rev Rev) error {
	_, err := c.store.write(ctx, c.at(key), nil, c.still(key, rev))
	return err
}

// still says whether a value has not been changed since.
func (c *Collection[T]) still(key string, rev Rev) func(entry) error {
	return func(e entry) error {
		switch {
		case e.value == nil:
			return c.at(key).notFound()
		case Rev(e.rev) != rev:
			return waverider.Errorf(waverider.Conflict, "%q in %s has been changed meanwhile; look at it again", key, c.name)
		}
		return nil
	}
}

func (c *Collection[T]) put(ctx context.Context, key string, value T, may func(entry) error) (Rev, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return 0, fmt.Errorf("write a value of %s: %w", c.name, err)
	}
	rev, err := c.store.write(ctx, c.at(key), data, may)
	return Rev(rev), err
}

func (c *Collection[T]) decode(key string, e entry) (value T, err error) {
	if err := json.Unmarshal(e.value, &value); err != nil {
		return value, &waverider.Error{Kind: waverider.Internal, Err: err,
			Message: fmt.Sprintf("%q in %s cannot be read by this version; use the one that wrote it", key, c.name)}
	}
	return value, nil
}

func (s *Store) read(ctx context.Context, at address) (entry, error) {
	if err := at.validate(); err != nil {
		return entry{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.table.get(at)
	switch {
	case s.closed:
		return e, ErrClosed
	case ctx.Err() != nil:
		return e, context.Cause(ctx)
	case e.value == nil:
		return e, at.notFound()
	}
	return e, nil
}

type listed struct {
	key string
	entry
}

func (s *Store) list(ctx context.Context, collection string) ([]listed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	} else if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	all := make([]listed, 0, len(s.table.collections[collection]))
	for key, e := range s.table.collections[collection] {
		if e.value != nil {
			all = append(all, listed{key, e})
		}
	}
	slices.SortFunc(all, func(a, b listed) int { return cmp.Compare(a.key, b.key) })
	return all, nil
}
