// Package ledger is what the Topics of one Hub remember beside their records: how
// they are set up, how far each was written, and how far its readers are, in one
// bbolt file. Every Put and Delete is on disk when it returns. It stores and
// answers; it decides nothing.
//
// Methods that fail because the disk is full answer a waverider.Error of Kind Full.
package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Buckets and what their keys are.
var (
	about   = []byte("about")   // of the file itself
	topics  = []byte("topics")  // name of the Topic
	marks   = []byte("marks")   // name of the Topic
	streams = []byte("streams") // name of the stream
	cursors = []byte("cursors") // Key.bytes: name of the Topic, zero byte, name of the reader
	states  = []byte("states")  // as of cursors; a bucket each, so that writing one rewrites no other
)

// Keys in about.
var (
	formatKey = []byte("format")
	bootKey   = []byte("boot")
	inUseKey  = []byte("in use")
	lastKey   = []byte("last incarnation")
)

const format = 1

// fill is how full pages of marks and cursors are made: they change all the time
// and are seldom added, so that fewer pages are fewer bytes written.
const fill = 0.9

// Ledger is an open ledger file. All methods are safe for concurrent use, and
// fail once it is closed.
type Ledger struct {
	db      *bolt.DB
	boot    uint64
	unclean bool

	turn chan struct{} // held by the one who writes

	mu      sync.Mutex
	waiting []*change
}

// Open opens or makes the ledger at path and marks it as in use. It fails when
// another process has it open, when the file is damaged, and when a newer
// version has written it.
func Open(path string) (l *Ledger, err error) {
	var file *os.File
	err = guard(func() error {
		if err := create(path); err != nil {
			return err
		}
		db, err := open(path, func(name string, flag int, mode os.FileMode) (_ *os.File, err error) {
			file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
			return file, err
		})
		if err != nil {
			return err
		}
		l = &Ledger{db: db, turn: make(chan struct{}, 1)}
		if err := l.readAll(file); err != nil {
			return errors.Join(err, db.Close())
		}
		if err := l.begin(); err != nil {
			return errors.Join(err, db.Close())
		}
		return nil
	})
	if err != nil {
		if file != nil {
			// A panic of bbolt leaves its lock, and its memory map keeps that alive.
			_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
			_ = file.Close()
		}
		return nil, fmt.Errorf("open ledger %s: %w", path, full(err))
	}
	return l, nil
}

// guard turns into an error what a damaged file does to bbolt: a page that is
// wrong, or beyond the end of a file that was cut, ends in a panic or in a fault
// of the memory map.
func guard(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w (%v)", errDamaged, cause)
		}
	}()
	return do()
}

// view reads from one state of the file.
func (l *Ledger) view(read func(*bolt.Tx) error) error {
	return guard(func() error { return l.db.View(read) })
}

func open(path string, with func(string, int, os.FileMode) (*os.File, error)) (*bolt.DB, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType, OpenFile: with})
	var system syscall.Errno
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, errors.New("another process has it open")
	case errors.As(err, &system):
		return nil, err
	}
	return nil, fmt.Errorf("%w (%w)", errDamaged, err) // bbolt's words about what is in the file
}

// create makes an empty ledger unless there is a file. A power cut leaves either
// none or a whole one.
func create(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	db, err := open(fresh, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range [][]byte{about, topics, marks, streams, cursors, states} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return tx.Bucket(about).Put(formatKey, binary.BigEndian.AppendUint64(nil, format))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readAll finds out whether everything can be read. States are not: they can be
// large, and each says itself when it is read whether it is whole.
func (l *Ledger) readAll(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return l.db.View(func(tx *bolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("%w (it is cut: %d bytes of %d)", errDamaged, info.Size(), tx.Size())
		}
		for _, name := range [][]byte{about, topics, marks, streams, cursors, states} {
			if tx.Bucket(name) == nil {
				return fmt.Errorf("%w (no %s in it)", errDamaged, name)
			}
		}
		if f := number(tx, formatKey); f != format {
			return fmt.Errorf("it has format %d and this version knows format %d only: use the version that wrote it, or a newer one", f, format)
		}
		for _, name := range [][]byte{topics, marks, streams, cursors} {
			err := tx.Bucket(name).ForEach(func(key, data []byte) error {
				_, err := unseal(name, key, data)
				return err
			})
			if err != nil {
				return err
			}
		}
		return tx.Bucket(states).ForEach(func(_, _ []byte) error { return nil })
	})
}

// begin marks the file as in use.
func (l *Ledger) begin() error {
	return l.update(func(tx *bolt.Tx) error {
		l.unclean = tx.Bucket(about).Get(inUseKey) != nil
		l.boot = number(tx, bootKey) + 1
		if err := tx.Bucket(about).Put(inUseKey, []byte{1}); err != nil {
			return err
		}
		return tx.Bucket(about).Put(bootKey, binary.BigEndian.AppendUint64(nil, l.boot))
	})
}

func number(tx *bolt.Tx, key []byte) uint64 {
	if data := tx.Bucket(about).Get(key); len(data) == 8 {
		return binary.BigEndian.Uint64(data)
	}
	return 0
}

// Unclean reports whether the last one who had the file open did not close it.
func (l *Ledger) Unclean() bool { return l.unclean }

// Boot counts how often the file was opened.
func (l *Ledger) Boot() uint64 { return l.boot }

// Close marks the file as closed, on disk, and closes it. When that fails the
// file is closed all the same and the next one to open it finds it unclean. A
// second Close does nothing.
func (l *Ledger) Close() error {
	err := l.update(func(tx *bolt.Tx) error { return tx.Bucket(about).Delete(inUseKey) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return nil
	}
	return errors.Join(err, l.db.Close())
}
