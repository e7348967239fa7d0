// Package journal is what one Hub remembers across its own death: Sequences,
// Instances and slots, in one bbolt file. Every Put is on disk when it returns.
// It stores and answers; it decides nothing.
package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"waverider"
)

var (
	sequences = []byte("sequences")
	instances = []byte("instances")
	slots     = []byte("slots")
	counters  = []byte("counters") // what stays of what was deleted
)

var buckets = [][]byte{sequences, instances, slots, counters}

var runKey = []byte("run")

// Journal is an open journal file. All methods are safe for concurrent use.
type Journal struct{ db *bolt.DB }

// Open opens or makes the journal at path. It fails when another process has
// it open, and when the file is damaged.
func Open(path string) (j *Journal, err error) {
	// A page that is wrong, or beyond the end of a file that was cut, ends in a
	// panic of bbolt or a fault of its memory map.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			j, err = nil, fmt.Errorf("open journal %s: the file is damaged (%v): put a copy of it back, or move it away to begin anew, "+
				"without its Sequences and Instances", path, cause)
		}
	}()
	if j, err = open(path); err != nil {
		return nil, err
	}
	if err := j.readAll(); err != nil {
		return nil, errors.Join(fmt.Errorf("open journal %s: %w", path, err), j.Close())
	}
	return j, nil
}

// readAll finds out whether everything can be read.
func (j *Journal) readAll() error {
	return j.db.View(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if err := tx.Bucket(name).ForEach(func(_, _ []byte) error { return nil }); err != nil {
				return err
			}
		}
		return nil
	})
}

func open(path string) (*Journal, error) {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second, FreelistType: bolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open journal %s: another process has it open", path)
	} else if err != nil {
		return nil, fmt.Errorf("open journal %s: %w", path, err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range buckets {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare journal: %w", err), db.Close())
	}
	return &Journal{db: db}, nil
}

// Close closes the file.
func (j *Journal) Close() error { return j.db.Close() }

// PutSequence stores s under its id.
func (j *Journal) PutSequence(s *waverider.Sequence) error {
	return j.put(sequences, string(s.ID), s)
}

// DeleteSequence forgets a Sequence; a missing one is no error.
func (j *Journal) DeleteSequence(id waverider.SequenceID) error {
	return j.delete(sequences, string(id))
}

// Sequences answers all of them.
func (j *Journal) Sequences() ([]*waverider.Sequence, error) {
	return all[waverider.Sequence](j, sequences)
}

// PutInstance stores r under its id.
func (j *Journal) PutInstance(r *Instance) error { return j.put(instances, string(r.ID), r) }

// DeleteInstance forgets an Instance, but for its Run; a missing one is no error.
func (j *Journal) DeleteInstance(id waverider.InstanceID) error {
	return j.deleteRun(instances, string(id))
}

// PutSlot stores s under its id.
func (j *Journal) PutSlot(s *Slot) error { return j.put(slots, string(s.ID), s) }

// DeleteSlot forgets a slot, but for its Run; a missing one is no error.
func (j *Journal) DeleteSlot(id waverider.InstanceID) error { return j.deleteRun(slots, string(id)) }

// LastRun is the highest Run of all Instances and slots there are and were.
func (j *Journal) LastRun() (last uint32, err error) {
	err = j.db.View(func(tx *bolt.Tx) error {
		last = lastRun(tx)
		for _, bucket := range [][]byte{instances, slots} {
			err := tx.Bucket(bucket).ForEach(func(_, data []byte) error {
				last = max(last, runOf(data))
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return last, err
}

func lastRun(tx *bolt.Tx) uint32 {
	if data := tx.Bucket(counters).Get(runKey); len(data) == 4 {
		return binary.BigEndian.Uint32(data)
	}
	return 0
}

// runOf is the Run of an Instance or a slot; 0 of what has none.
func runOf(data []byte) uint32 {
	var rec struct{ Run uint32 }
	_ = json.Unmarshal(data, &rec) // who reads it all says what is wrong with it
	return rec.Run
}

// Slot answers one, with a zero ID when there is none.
func (j *Journal) Slot(id waverider.InstanceID) (s Slot, err error) {
	err = j.db.View(func(tx *bolt.Tx) error {
		data := tx.Bucket(slots).Get([]byte(id))
		if data == nil {
			return nil
		}
		if err := json.Unmarshal(data, &s); err != nil {
			return fmt.Errorf("journal: slot %s: %w", id, err)
		}
		return nil
	})
	return s, err
}

// Slots answers all of them.
func (j *Journal) Slots() ([]*Slot, error) { return all[Slot](j, slots) }

// Instances answers all of them.
func (j *Journal) Instances() ([]*Instance, error) { return all[Instance](j, instances) }

func (j *Journal) put(bucket []byte, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s of journal: %w", bucket, err)
	}
	return full(j.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Put([]byte(key), data) }))
}

func (j *Journal) delete(bucket []byte, key string) error {
	return full(j.db.Update(func(tx *bolt.Tx) error { return tx.Bucket(bucket).Delete([]byte(key)) }))
}

// deleteRun deletes what has a Run, which is not to be given again.
func (j *Journal) deleteRun(bucket []byte, key string) error {
	return full(j.db.Update(func(tx *bolt.Tx) error {
		if run := runOf(tx.Bucket(bucket).Get([]byte(key))); run > lastRun(tx) {
			if err := tx.Bucket(counters).Put(runKey, binary.BigEndian.AppendUint32(nil, run)); err != nil {
				return err
			}
		}
		return tx.Bucket(bucket).Delete([]byte(key))
	}))
}

func all[T any](j *Journal, bucket []byte) ([]*T, error) {
	var list []*T
	err := j.db.View(func(tx *bolt.Tx) error {
		return tx.Bucket(bucket).ForEach(func(key, data []byte) error {
			v := new(T)
			if err := json.Unmarshal(data, v); err != nil {
				return fmt.Errorf("journal: %s %s: %w", bucket, key, err)
			}
			list = append(list, v)
			return nil
		})
	})
	return list, err
}

// full gives a full disk the words a user can act on.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return &waverider.Error{Kind: waverider.Full,
			Message: "the disk of the data dir is full; free some space and try again", Err: err}
	}
	if err != nil {
		return fmt.Errorf("write journal: %w", err)
	}
	return nil
}
