package dev

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"waverider/client"
)

// tree is the folder of a project, as far as a person writes it.
type tree struct {
	dir string

	mu    sync.Mutex
	print [sha256.Size]byte // of all sources when changed last looked
	skips func(name string, folder bool) bool
}

func newTree(dir string) (*tree, error) {
	dir, err := filepath.Abs(dir) // as Node names files in its errors
	if err != nil {
		return nil, fmt.Errorf("find the folder: %w", err)
	}
	t := &tree{dir: dir}
	return t, t.readRules()
}

// readRules reads what says which files are sources.
func (t *tree) readRules() error {
	s, err := readScripts(t.dir)
	if err != nil {
		return err
	}
	skips, err := client.Unwatched(t.dir, s.Scripts.Build != "")
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skips = skips
	return nil
}

// changed tells whether any source is another than at the call before. A build
// writes files as well; where .gitignore does not name them the next call sees
// them once, and as the next build writes the same it ends there.
func (t *tree) changed() (bool, error) {
	if err := t.readRules(); err != nil {
		return false, err
	}
	now, err := t.fingerprint()
	if err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.print
	t.print = now
	return now != before, nil
}

// skipped tells whether a path, absolute or below dir, is no source.
func (t *tree) skipped(path string, folder bool) bool {
	name, err := filepath.Rel(t.dir, path)
	if err != nil || name == "." {
		return false
	}
	t.mu.Lock()
	skips := t.skips
	t.mu.Unlock()
	name = filepath.ToSlash(name)
	return scratch(filepath.Base(name)) || skips != nil && skips(name, folder)
}

// scratch tells the names that editors give to files of their own.
func scratch(name string) bool {
	return strings.HasSuffix(name, "~") || strings.HasPrefix(name, ".#") || strings.HasPrefix(name, "#") ||
		strings.HasSuffix(name, ".swp") || strings.HasSuffix(name, ".swx") || name == "4913"
}

// walk calls each for every source and every folder of sources.
func (t *tree) walk(from string, each func(path string, d fs.DirEntry) error) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && path != t.dir:
			return nil // it went while we looked
		case err != nil:
			return err
		case t.skipped(path, d.IsDir()):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return each(path, d)
	})
}

// fingerprint is a digest of all sources with their names.
func (t *tree) fingerprint() (sum [sha256.Size]byte, err error) {
	all := sha256.New()
	err = t.walk(t.dir, func(path string, d fs.DirEntry) error {
		if !d.Type().IsRegular() {
			fmt.Fprintf(all, "%q %s\n", path, d.Type())
			return nil
		}
		content, err := digest(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		fmt.Fprintf(all, "%q %x\n", path, content)
		return err
	})
	all.Sum(sum[:0])
	return sum, err
}

func digest(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
