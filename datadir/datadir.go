// Package datadir is the folder that one Hub, or one Space, has for everything
// it keeps: locked while it runs, and marked with who it belongs to and which
// layout it has. What lies in it is its owner's matter.
package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Layout is what a role makes of its folder.
type Layout struct {
	Role    string   // "Hub" or "Space"
	Version int      // that this program reads and writes
	Folders []string // made when missing
}

// hub is the role that VERSION does not name: it was there first.
const hub = "Hub"

// Dir is a data dir that this process, and no other, has open.
type Dir struct {
	path string
	lock *os.File
}

// Open makes or opens the data dir at path and locks it.
func Open(path string, layout Layout) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data dir: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data dir: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open data dir: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		holder, _ := os.ReadFile(lock.Name())
		_ = lock.Close()
		return nil, fmt.Errorf("data dir %s is in use by another %s (pid %s); give this one its own with --data-dir",
			path, layout.Role, strings.TrimSpace(string(holder)))
	}
	d := &Dir{path: path, lock: lock}
	if err := errors.Join(lock.Truncate(0), writeAt(lock, strconv.Itoa(os.Getpid())), d.check(layout), d.makeFolders(layout)); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *Dir) makeFolders(layout Layout) error {
	for _, sub := range layout.Folders {
		if err := os.MkdirAll(d.Path(sub), 0o700); err != nil {
			return fmt.Errorf("make data dir: %w", err)
		}
	}
	return nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text+"\n"), 0)
	return err
}

// check compares the mark in the folder, or sets it.
func (d *Dir) check(layout Layout) error {
	path := d.Path("VERSION")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		mark := strconv.Itoa(layout.Version)
		if layout.Role != hub {
			mark = layout.Role + " " + mark
		}
		return WriteFile(path, []byte(mark+"\n"))
	} else if err != nil {
		return fmt.Errorf("read data dir version: %w", err)
	}
	role, number, named := strings.Cut(strings.TrimSpace(string(text)), " ")
	if !named {
		role, number = hub, role
	}
	found, err := strconv.Atoi(number)
	switch {
	case err != nil:
		return fmt.Errorf("%s does not hold a number; is this a Waverider data dir?", path)
	case role != layout.Role:
		return fmt.Errorf("data dir %s belongs to a %s; give this %s its own with --data-dir", d.path, role, layout.Role)
	case found > layout.Version:
		return fmt.Errorf("data dir %s has layout %d, this program knows %d: it was used by a newer Waverider; run that one, or another --data-dir",
			d.path, found, layout.Version)
	}
	return nil
}

// Path joins names to the data dir.
func (d *Dir) Path(names ...string) string {
	return filepath.Join(append([]string{d.path}, names...)...)
}

// Close unlocks the data dir.
func (d *Dir) Close() error { return d.lock.Close() }
