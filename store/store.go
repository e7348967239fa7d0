package store

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"waverider"
)

// Package is one package of the store.
type Package struct {
	Digest   waverider.Digest
	Size     int64  // bytes as uploaded
	Unpacked int64  // bytes of its files
	Dir      string // folder of the unpacked package
	Manifest waverider.Manifest
}

// Store keeps packages in a folder that no other process uses. All methods
// are safe for concurrent use.
type Store struct {
	dir    string
	limits Limits

	mu       sync.Mutex
	packages map[waverider.Digest]*entry
	busy     map[waverider.Digest]chan struct{} // closed when the folder of this digest is free again
	used     int64                              // bytes of all archives and unpacked packages, and of uploads under way
}

type entry struct {
	Package
	settled bool   // what is in Dir is known to be what was unpacked
	boot    string // in which it was unpacked; empty: settled for good
	damage  error  // why the package cannot be used; the same upload replaces it
}

// newEntry is the entry of a package that was unpacked just now.
func newEntry(p Package) *entry {
	boot := bootID()
	if boot == "" {
		boot = "unknown"
	}
	return &entry{Package: p, settled: true, boot: boot}
}

const (
	archiveFile = "archive.tar.gz"
	packageDir  = "package"
	recordFile  = "record"
	tempDir     = "tmp"
)

// Open opens the store in dir, made if need be, and clears away what uploads
// that did not finish have left.
func Open(dir string, limits Limits) (*Store, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{
		dir: dir, limits: limits.withDefaults(),
		packages: map[waverider.Digest]*entry{}, busy: map[waverider.Digest]chan struct{}{},
	}
	temp := filepath.Join(dir, tempDir)
	if err := os.RemoveAll(temp); err != nil {
		return nil, fmt.Errorf("open store: clear uploads: %w", err)
	}
	if err := os.MkdirAll(temp, 0o755); err != nil {
		return nil, fmt.Errorf("open store: %w", onDisk(err))
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) load() error {
	found, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	for _, f := range found {
		digest, ok := digestOf(f.Name())
		if !ok || !f.IsDir() {
			continue
		}
		e := s.loadPackage(digest)
		s.packages[digest] = e
		s.used += e.Size + e.Unpacked
	}
	return nil
}

// loadPackage reads what is known of a package, or makes it again from the
// archive when a power cut has taken that. One that cannot be saved does not
// keep the others from being used.
func (s *Store) loadPackage(digest waverider.Digest) *entry {
	e, err := readMeta(s.home(digest), digest)
	if err != nil {
		e, err = s.restore(digest)
	}
	if err != nil {
		e = &entry{Package: Package{Digest: digest}, damage: err}
	}
	return e
}

// Get is the package of a digest, with a folder that is ready for use.
func (s *Store) Get(digest waverider.Digest) (Package, error) {
	e, ok := s.lookup(digest)
	if !ok {
		return Package{}, unknown(digest)
	}
	switch {
	case e.damage != nil:
		return Package{}, damaged(digest, e.damage)
	case e.settled:
		return e.Package, nil
	}
	return s.settle(digest)
}

// List is all packages that are not damaged, ordered by digest. Use Get before using a folder.
func (s *Store) List() []Package {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Package, 0, len(s.packages))
	for _, e := range s.packages {
		if e.damage == nil {
			list = append(list, e.Package)
		}
	}
	slices.SortFunc(list, func(a, b Package) int { return strings.Compare(string(a.Digest), string(b.Digest)) })
	return list
}

// Archive opens the package as it was uploaded; the caller closes it.
func (s *Store) Archive(digest waverider.Digest) (io.ReadCloser, error) {
	if _, ok := s.lookup(digest); !ok {
		return nil, unknown(digest)
	}
	f, err := os.Open(filepath.Join(s.home(digest), archiveFile))
	if errors.Is(err, fs.ErrNotExist) { // removed since
		return nil, unknown(digest)
	}
	return f, err
}

func (s *Store) lookup(digest waverider.Digest) (entry, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.packages[digest]
	if !ok {
		return entry{}, false
	}
	return *e, true
}

func (s *Store) keep(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.packages[e.Digest] = e
}

// take asks for n bytes of the disk this store may use.
func (s *Store) take(n int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits.Disk > 0 && s.used+n > s.limits.Disk {
		return waverider.Errorf(waverider.Full,
			"packages may take up %d bytes on this Hub and there is no room for this one; remove Sequences that are not needed", s.limits.Disk)
	}
	s.used += n
	return nil
}

func (s *Store) giveBack(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used -= n
}

func (s *Store) temp() string { return filepath.Join(s.dir, tempDir) }

// home is the folder of everything about a digest.
func (s *Store) home(digest waverider.Digest) string {
	return filepath.Join(s.dir, strings.Replace(string(digest), ":", "-", 1))
}

// digestOf is the digest that a folder of the store is for.
func digestOf(folder string) (waverider.Digest, bool) {
	hash, ok := strings.CutPrefix(folder, "sha256-")
	raw, err := hex.DecodeString(hash)
	if !ok || err != nil || len(raw) != len(sum{}) || hash != strings.ToLower(hash) {
		return "", false
	}
	return waverider.Digest("sha256:" + hash), true
}

func unknown(digest waverider.Digest) error {
	return waverider.Errorf(waverider.NotFound, "no package %s here", digest)
}

func damaged(digest waverider.Digest, cause error) error {
	return &waverider.Error{
		Kind: waverider.Conflict, Err: cause,
		Message: fmt.Sprintf("package %s is damaged on the disk of this Hub; send the Sequence again", digest),
	}
}

// syncDir makes names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
