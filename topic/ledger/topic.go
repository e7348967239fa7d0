package ledger

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"waverider"
)

// Topic is a Topic as it is set up, and where its records are.
type Topic struct {
	waverider.TopicConfig
	Created      time.Time `json:"created"`
	Runs         []Run     `json:"runs,omitempty"`         // oldest first
	Segments     []string  `json:"segments,omitempty"`     // names of streams, oldest first
	Dropped      uint64    `json:"dropped,omitempty"`      // first number that retention has not dropped
	DroppedBytes uint64    `json:"droppedBytes,omitempty"` // by retention, ever
	Deleting     bool      `json:"deleting,omitempty"`
	Damage       []Damage  `json:"damage,omitempty"`
	Parked       []string  `json:"parked,omitempty"` // producers whose records are parked in it
	Lives        []Life    `json:"lives,omitempty"`  // oldest first; none: a single one

	Producers map[string]Producer `json:"producers,omitempty"` // by id; of far ones: what stored records do not tell, or not any more
}

// Run is a stretch of record numbers that were given without doubt.
type Run struct {
	Incarnation uint32 `json:"incarnation"`
	First       uint64 `json:"first"`
	Unused      uint64 `json:"unused,omitempty"` // so many numbers before First were passed over and never given
}

// Damage is a loss of records that was found.
type Damage struct {
	At          time.Time `json:"at"`
	Incarnation uint32    `json:"incarnation,omitempty"`
	From        uint64    `json:"from,omitempty"` // record numbers, To exclusive; both 0 when unknown
	To          uint64    `json:"to,omitempty"`
	Cause       string    `json:"cause"`
}

// Topics answers all of them, by name.
func (l *Ledger) Topics() ([]Topic, error) {
	var list []Topic
	err := l.view(func(tx *bolt.Tx) error {
		return tx.Bucket(topics).ForEach(func(key, data []byte) error {
			body, err := unseal(topics, key, data)
			if err != nil {
				return err
			}
			var t Topic
			if err := json.Unmarshal(body, &t); err != nil {
				return fmt.Errorf("ledger: topic %s: %w", key, err)
			}
			list = append(list, t)
			return nil
		})
	})
	return list, err
}

// PutTopic stores t under its name.
func (l *Ledger) PutTopic(t Topic) error {
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode topic %s of ledger: %w", t.Name, err)
	}
	key := []byte(t.Name)
	data := seal(key, body)
	return l.update(func(tx *bolt.Tx) error { return tx.Bucket(topics).Put(key, data) })
}

// PutTopicRead is PutTopic that remembers a reader in the same write, unless one
// of that name is remembered.
func (l *Ledger) PutTopicRead(t Topic, reader string, c Cursor) error {
	k := Key{t.Name, reader}
	if err := k.validate(); err != nil {
		return err
	}
	body, err := json.Marshal(t)
	if err != nil {
		return fmt.Errorf("encode topic %s of ledger: %w", t.Name, err)
	}
	key, cursor := []byte(t.Name), k.bytes()
	data := seal(key, body)
	return l.update(func(tx *bolt.Tx) error {
		if err := tx.Bucket(topics).Put(key, data); err != nil {
			return err
		}
		tx.Bucket(cursors).FillPercent = fill
		if tx.Bucket(cursors).Get(cursor) != nil {
			return nil
		}
		return putCursor(tx, cursor, c)
	})
}

// DeleteTopic forgets a Topic with its mark and its cursors in one write; a
// missing one is no error. Marks of streams stay, and so does LastIncarnation.
func (l *Ledger) DeleteTopic(name waverider.TopicName) error {
	return l.update(func(tx *bolt.Tx) error {
		if err := keepLast(tx, name); err != nil {
			return err
		}
		for _, bucket := range [][]byte{topics, marks} {
			if err := tx.Bucket(bucket).Delete([]byte(name)); err != nil {
				return err
			}
		}
		return deleteCursors(tx, name)
	})
}

// Last is the highest number of its incarnations and lives.
func (t Topic) Last() (last uint32) {
	for _, run := range t.Runs {
		last = max(last, run.Incarnation)
	}
	for _, life := range t.Lives {
		last = max(last, life.Epoch)
	}
	return last
}

// keepLast notes what a Topic that goes has come to.
func keepLast(tx *bolt.Tx, name waverider.TopicName) error {
	body, err := unseal(topics, []byte(name), tx.Bucket(topics).Get([]byte(name)))
	var t Topic
	if err != nil || json.Unmarshal(body, &t) != nil || uint64(t.Last()) <= number(tx, lastKey) {
		return nil // there is none, or nothing to be kept
	}
	return tx.Bucket(about).Put(lastKey, binary.BigEndian.AppendUint64(nil, uint64(t.Last())))
}

// LastIncarnation is the highest number of the incarnations and lives of Topics
// that were deleted.
func (l *Ledger) LastIncarnation() (last uint32, err error) {
	err = l.view(func(tx *bolt.Tx) error {
		last = uint32(number(tx, lastKey))
		return nil
	})
	return last, err
}
