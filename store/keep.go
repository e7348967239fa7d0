package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"waverider"
)

// keepKnown keeps a package that is there; it reports known false when that
// has gone meanwhile.
func (s *Store) keepKnown(ctx context.Context, digest waverider.Digest, keep func(Package) error) (p Package, known bool, err error) {
	release, err := s.claim(ctx, digest)
	if err != nil {
		return p, false, err
	}
	defer release()
	e, known := s.lookup(digest)
	if !known || e.damage != nil {
		return p, false, nil
	}
	return e.Package, true, kept(keep, e.Package)
}

func kept(keep func(Package) error, p Package) error {
	if keep == nil {
		return nil
	}
	return keep(p)
}

// Remove removes a package unless used, asked while nobody can put the same
// again, says that something needs it. It is gone at once and whole, also when
// the power fails meanwhile. used must not call the Store; nil is never.
func (s *Store) Remove(digest waverider.Digest, used func() bool) error {
	release, err := s.claim(context.Background(), digest)
	if err != nil {
		return err
	}
	defer release()
	e, ok := s.lookup(digest)
	if !ok {
		return unknown(digest)
	}
	if used != nil && used() {
		return nil
	}
	if err := s.bury(&e); err != nil {
		return fmt.Errorf("remove package: %w", err)
	}
	return nil
}

// Sweep removes all packages that used does not want, damaged ones too: what a
// Hub left behind that died between storing a package and writing down who
// uses it, or the other way round. It answers how many those were.
func (s *Store) Sweep(ctx context.Context, used func(waverider.Digest) bool) (removed int, err error) {
	s.mu.Lock()
	digests := slices.Sorted(maps.Keys(s.packages))
	s.mu.Unlock()
	var errs []error
	for _, d := range digests {
		if ctx.Err() != nil {
			break
		}
		wanted := false
		err := s.Remove(d, func() bool { wanted = used(d); return wanted })
		switch {
		case waverider.KindOf(err) == waverider.NotFound: // removed since
		case err != nil:
			errs = append(errs, err)
		case !wanted:
			removed++
		}
	}
	return removed, errors.Join(errs...)
}

// bury takes a package out of its place and then removes it.
func (s *Store) bury(e *entry) error {
	grave, err := os.MkdirTemp(s.temp(), "remove-")
	if err != nil {
		return onDisk(err)
	}
	if err := os.Rename(s.home(e.Digest), filepath.Join(grave, "removed")); err != nil {
		return err
	}
	s.mu.Lock()
	delete(s.packages, e.Digest)
	s.used -= e.Size + e.Unpacked
	s.mu.Unlock()
	if err := syncDir(s.dir); err != nil {
		return err
	}
	return os.RemoveAll(grave)
}

// claim waits until nobody else changes the folder of a digest.
func (s *Store) claim(ctx context.Context, digest waverider.Digest) (release func(), err error) {
	for {
		s.mu.Lock()
		taken, isTaken := s.busy[digest]
		if !isTaken {
			mine := make(chan struct{})
			s.busy[digest] = mine
			s.mu.Unlock()
			return func() {
				s.mu.Lock()
				delete(s.busy, digest)
				s.mu.Unlock()
				close(mine)
			}, nil
		}
		s.mu.Unlock()
		select {
		case <-taken:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
