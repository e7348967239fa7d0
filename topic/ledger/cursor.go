package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"waverider"
)

// MaxState is the most a program can save with its cursor.
const MaxState = 8 << 20

const maxReader = 512

// Key names a reader of a Topic.
type Key struct {
	Topic  waverider.TopicName
	Reader string
}

// Cursor is how far a reader is.
type Cursor struct {
	Incarnation uint32
	Number      uint64 // of the next record wanted
	Updated     time.Time
	Expires     time.Duration // forgotten when not read for so long; 0: never
	Idle        time.Duration // for so long it was not read, about: as long as a Store was open, whatever the clock says

	// Of a slot: the record begins at InputOffset of the input of run Epoch, as
	// its InputCount-th record.
	Epoch       int
	InputOffset uint64
	InputCount  uint64

	Hint uint64 // where to look for the record first

	State     []byte // what the program saved, nil when nothing
	DropState bool   // PutCursors forgets what was saved before, unless State replaces it; never answered
}

// PutCursors stores cursors in one write. What a program saved stays as it is
// where State is nil and DropState false. Cursors of a Topic that the ledger does
// not have are left out: it was deleted meanwhile. Times are kept to the
// microsecond, in UTC. A State over MaxState is an Error of Kind TooLarge.
func (l *Ledger) PutCursors(all map[Key]Cursor) error {
	if len(all) == 0 {
		return nil
	}
	for k, c := range all {
		if err := k.validate(); err != nil {
			return err
		}
		if len(c.State) > MaxState {
			return waverider.Errorf(waverider.TooLarge, "the state is %d bytes; at most %d can be saved", len(c.State), MaxState)
		}
	}
	return l.update(func(tx *bolt.Tx) error {
		known := tx.Bucket(topics)
		tx.Bucket(cursors).FillPercent = fill
		for k, c := range all {
			if known.Get([]byte(k.Topic)) == nil {
				continue
			}
			if err := putCursor(tx, k.bytes(), c); err != nil {
				return err
			}
		}
		return nil
	})
}

func putCursor(tx *bolt.Tx, key []byte, c Cursor) error {
	if err := tx.Bucket(cursors).Put(key, seal(key, c.body())); err != nil {
		return err
	}
	if c.State != nil {
		return putState(tx, key, c.State)
	} else if c.DropState {
		return deleteState(tx, key)
	}
	return nil
}

func (k Key) validate() error {
	if _, err := waverider.ParseTopicRef(string(k.Topic)); err != nil {
		return err
	}
	if len(k.Reader) == 0 || len(k.Reader) > maxReader {
		return waverider.Errorf(waverider.Invalid, "reader: want 1 to %d bytes", maxReader)
	}
	return nil
}

// bytes sorts the readers of a Topic together: no name has a zero byte.
func (k Key) bytes() []byte { return append(prefix(k.Topic), k.Reader...) }

func prefix(topic waverider.TopicName) []byte { return append([]byte(topic), 0) }

func (c Cursor) body() []byte {
	b := binary.AppendUvarint(nil, uint64(c.Incarnation))
	b = binary.AppendUvarint(b, c.Number)
	b = appendTime(b, c.Updated)
	b = binary.AppendVarint(b, int64(c.Expires))
	b = binary.AppendVarint(b, int64(c.Epoch))
	b = binary.AppendUvarint(b, c.InputOffset)
	b = binary.AppendUvarint(b, c.InputCount)
	b = binary.AppendUvarint(b, c.Hint)
	return binary.AppendVarint(b, int64(c.Idle))
}

func readCursor(key, data []byte) (Cursor, error) {
	body, err := unseal(cursors, key, data)
	if err != nil {
		return Cursor{}, err
	}
	f := fields{rest: body}
	c := Cursor{
		Incarnation: uint32(f.unsigned()), Number: f.unsigned(), Updated: f.time(), Expires: time.Duration(f.signed()),
		Epoch: int(f.signed()), InputOffset: f.unsigned(), InputCount: f.unsigned(), Hint: f.unsigned(),
	}
	if len(f.rest) > 0 { // an older version did not write it
		c.Idle = time.Duration(f.signed())
	}
	return c, f.done(cursors, key)
}

// Cursors answers those of a Topic by reader, without their State.
func (l *Ledger) Cursors(topic waverider.TopicName) (map[string]Cursor, error) {
	all := map[string]Cursor{}
	err := l.view(func(tx *bolt.Tx) error {
		return eachCursor(tx, topic, func(key, data []byte) (err error) {
			all[string(key[len(topic)+1:])], err = readCursor(key, data)
			return err
		})
	})
	return all, err
}

func eachCursor(tx *bolt.Tx, topic waverider.TopicName, do func(key, data []byte) error) error {
	from := prefix(topic)
	c := tx.Bucket(cursors).Cursor()
	for key, data := c.Seek(from); bytes.HasPrefix(key, from); key, data = c.Next() {
		if err := do(key, data); err != nil {
			return err
		}
	}
	return nil
}

// Cursor answers one cursor with its State, and false when there is none.
func (l *Ledger) Cursor(topic waverider.TopicName, reader string) (c Cursor, ok bool, err error) {
	key := Key{topic, reader}.bytes()
	err = l.view(func(tx *bolt.Tx) (err error) {
		data := tx.Bucket(cursors).Get(key)
		if ok = data != nil; !ok {
			return nil
		}
		if c, err = readCursor(key, data); err != nil {
			return err
		}
		c.State, err = readState(tx, key)
		return err
	})
	return c, ok, err
}

// DeleteCursor forgets a cursor and what was saved with it; a missing one is no
// error.
func (l *Ledger) DeleteCursor(k Key) error {
	return l.update(func(tx *bolt.Tx) error { return deleteCursor(tx, k.bytes()) })
}

func deleteCursor(tx *bolt.Tx, key []byte) error {
	if err := tx.Bucket(cursors).Delete(key); err != nil {
		return err
	}
	return deleteState(tx, key)
}

func deleteCursors(tx *bolt.Tx, topic waverider.TopicName) error {
	var keys [][]byte // a bbolt cursor loses its place when keys are deleted under it
	err := eachCursor(tx, topic, func(key, _ []byte) error {
		keys = append(keys, bytes.Clone(key))
		return nil
	})
	for _, key := range keys {
		err = errors.Join(err, deleteCursor(tx, key))
	}
	return err
}
