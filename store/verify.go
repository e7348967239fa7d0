package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"waverider"
)

// Verify says whether the folder of a package still holds what was uploaded:
// every file and link, no other, with the same bytes. The error of a package
// that has changed is of Kind Conflict and names the first difference.
func (s *Store) Verify(digest waverider.Digest) error {
	e, ok := s.lookup(digest)
	switch {
	case !ok:
		return unknown(digest)
	case e.damage != nil:
		return damaged(digest, e.damage)
	}
	if _, err := verify(s.home(digest)); err != nil {
		return &waverider.Error{
			Kind: waverider.Conflict, Err: err,
			Message: fmt.Sprintf("package %s was changed on the disk of this Hub: %v", digest, err),
		}
	}
	return nil
}

// Restore unpacks a package once more from its archive, after Verify found it
// changed. Nothing should be running from it.
func (s *Store) Restore(digest waverider.Digest) (Package, error) {
	release, err := s.claim(context.Background(), digest)
	if err != nil {
		return Package{}, err
	}
	defer release()
	old, ok := s.lookup(digest)
	if !ok {
		return Package{}, unknown(digest)
	}
	e, err := s.restore(digest)
	if err != nil {
		e = &old
		e.damage = err
		s.keep(e)
		return Package{}, damaged(digest, err)
	}
	s.keep(e)
	s.giveBack(old.Size + old.Unpacked - e.Size - e.Unpacked)
	return e.Package, nil
}

// settle makes sure of a package that was unpacked before the machine last
// started.
func (s *Store) settle(digest waverider.Digest) (Package, error) {
	release, err := s.claim(context.Background(), digest)
	if err != nil {
		return Package{}, err
	}
	e, ok := s.lookup(digest)
	switch {
	case !ok:
		release()
		return Package{}, unknown(digest)
	case e.settled: // by somebody who was faster
		release()
		return e.Package, nil
	}
	home := s.home(digest)
	files, err := verify(home)
	if err != nil {
		release()
		return s.Restore(digest)
	}
	defer release()
	e.settled, e.boot = true, ""
	s.keep(&e)
	// What was read just now came from the disk. A mark that gets lost costs
	// one more comparison.
	_ = writeRecord(home, &e, files)
	return e.Package, nil
}

// restore makes everything about a package again from its archive.
func (s *Store) restore(digest waverider.Digest) (*entry, error) {
	home := s.home(digest)
	archive, err := os.Open(filepath.Join(home, archiveFile))
	if err != nil {
		return nil, err
	}
	defer archive.Close()
	h := sha256.New()
	size, err := io.Copy(h, archive)
	if err != nil {
		return nil, err
	}
	if got := "sha256:" + hex.EncodeToString(h.Sum(nil)); got != string(digest) {
		return nil, fmt.Errorf("the archive now has the digest %s", got)
	}
	if _, err := archive.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	staging, err := os.MkdirTemp(s.temp(), "restore-")
	if err != nil {
		return nil, onDisk(err)
	}
	defer os.RemoveAll(staging)
	// It was within the limits of its day, and it is the same.
	limits := Limits{Unpacked: math.MaxInt64 / 2, Ratio: math.MaxInt32, Entries: math.MaxInt32, Path: math.MaxInt32}
	c, err := unpackInto(context.Background(), staging, archive, limits, func(int64) error { return nil }, true)
	if err != nil {
		return nil, err
	}
	e := newEntry(Package{
		Digest: digest, Size: size, Unpacked: c.unpacked, Dir: filepath.Join(home, packageDir), Manifest: c.manifest,
	})
	if err := writeRecord(staging, e, c.tree.list()); err != nil {
		return nil, err
	}
	return e, replace(home, staging)
}

// replace moves what restore made into its place. The record goes first and
// comes last, so that a crash in between is seen.
func replace(home, staging string) error {
	if err := os.RemoveAll(filepath.Join(home, recordFile)); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(home, packageDir)); err != nil {
		return err
	}
	for _, name := range []string{packageDir, recordFile} {
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(home, name)); err != nil {
			return err
		}
	}
	return nil
}

// verify compares package/ with the list of its files, and gives that list.
func verify(home string) (map[string]listed, error) {
	files, err := readList(home)
	if err != nil {
		return nil, err
	}
	v := verifier{files: files, hash: sha256.New(), buf: make([]byte, 128<<10)}
	if v.root, err = os.OpenRoot(filepath.Join(home, packageDir)); err != nil {
		return nil, err
	}
	defer v.root.Close()
	if err := fs.WalkDir(v.root.FS(), ".", v.visit); err != nil {
		return nil, err
	}
	if v.found < len(files) {
		return nil, fmt.Errorf("%q is missing", v.missing())
	}
	return files, nil
}

type verifier struct {
	root  *os.Root
	files map[string]listed
	found int
	hash  hash.Hash
	buf   []byte
}

func (v *verifier) visit(name string, d fs.DirEntry, err error) error {
	if err != nil || d.IsDir() {
		return err
	}
	want, known := v.files[name]
	if !known {
		return fmt.Errorf("%q was added", name)
	}
	k, got, err := v.look(name, d.Type())
	if err != nil {
		return err
	}
	if k != want.kind || got != want.sum {
		return fmt.Errorf("%q is not what it was", name)
	}
	v.found++
	return nil
}

func (v *verifier) missing() string {
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		if _, err := v.root.Lstat(name); err != nil {
			return name
		}
	}
	return "a file"
}

// look finds out what a file is now.
func (v *verifier) look(name string, mode fs.FileMode) (kind, sum, error) {
	if mode.Type() == fs.ModeSymlink {
		target, err := v.root.Readlink(name)
		return link, sha256.Sum256([]byte(target)), err
	}
	if !mode.IsRegular() { // opening a named pipe would wait
		return 0, sum{}, nil
	}
	f, err := v.root.Open(name)
	if err != nil {
		return 0, sum{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, sum{}, err
	}
	v.hash.Reset()
	if _, err := io.CopyBuffer(v.hash, struct{ io.Reader }{f}, v.buf); err != nil {
		return 0, sum{}, err
	}
	k := plain
	if info.Mode()&0o100 != 0 {
		k = executable
	}
	var s sum
	v.hash.Sum(s[:0])
	return k, s, nil
}
