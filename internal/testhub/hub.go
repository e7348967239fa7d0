// Package testhub starts a built waverider binary as a Hub with a data dir of
// its own, drives it over its REST API, kills it in every way there is, and
// looks at its processes from outside. Benchmarks, fault tests and end-to-end
// tests stand on it. It shares no code with the product, so that it can't
// repeat a mistake of it.
package testhub

import (
	"context"
	"errors"
	"path/filepath"
)

// Hub is a Role that runs Instances.
type Hub struct{ *Role }

// New prepares a Hub; Start starts it.
func New(opt Options) (*Hub, error) {
	r, err := NewRole("hub", opt)
	if err != nil {
		return nil, err
	}
	return &Hub{r}, nil
}

// Open is New and Start.
func Open(ctx context.Context, opt Options) (*Hub, error) {
	h, err := New(opt)
	if err != nil {
		return nil, err
	}
	if err := h.Start(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// Slots lists the slot folders there are, those of waiting runners too, and
// the folders of what is kept of each.
func (h *Role) Slots() ([]string, error) {
	slots, err := filepath.Glob(filepath.Join(h.opt.DataDir, "slots", "*"))
	if err != nil {
		return nil, err
	}
	kept, err := filepath.Glob(filepath.Join(h.opt.DataDir, "kept", "*"))
	return append(slots, kept...), err
}
