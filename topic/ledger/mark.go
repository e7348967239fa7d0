package ledger

import (
	"encoding/binary"
	"time"

	bolt "go.etcd.io/bbolt"

	"waverider"
)

// Mark is how far a Topic was written when it was looked at last.
type Mark struct {
	Next     uint64 // number of the next record
	Reserved uint64 // no number from here on was used
	Boot     uint64 // of the ledger, when the mark was made
	At       time.Time
}

// StreamMark is how far a stream was written when it was looked at last.
type StreamMark struct {
	Last uint64 // sequence of its last message
	At   time.Time
}

// PutMarks stores marks of Topics and of streams in one write. Marks of a Topic
// that the ledger does not have are left out: it was deleted meanwhile. Times
// are kept to the microsecond, in UTC.
func (l *Ledger) PutMarks(ofTopics map[waverider.TopicName]Mark, ofStreams map[string]StreamMark) error {
	if len(ofTopics)+len(ofStreams) == 0 {
		return nil
	}
	return l.update(func(tx *bolt.Tx) error {
		known := tx.Bucket(topics)
		tx.Bucket(marks).FillPercent = fill
		for name, m := range ofTopics {
			key := []byte(name)
			if known.Get(key) == nil {
				continue
			}
			if err := tx.Bucket(marks).Put(key, seal(key, m.body())); err != nil {
				return err
			}
		}
		for name, m := range ofStreams {
			key := []byte(name)
			body := appendTime(binary.AppendUvarint(nil, m.Last), m.At)
			if err := tx.Bucket(streams).Put(key, seal(key, body)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m Mark) body() []byte {
	b := binary.AppendUvarint(nil, m.Next)
	b = binary.AppendUvarint(b, m.Reserved)
	b = binary.AppendUvarint(b, m.Boot)
	return appendTime(b, m.At)
}

func readMark(key, data []byte) (Mark, error) {
	body, err := unseal(marks, key, data)
	if err != nil {
		return Mark{}, err
	}
	f := fields{rest: body}
	m := Mark{Next: f.unsigned(), Reserved: f.unsigned(), Boot: f.unsigned(), At: f.time()}
	return m, f.done(marks, key)
}

// Mark answers the mark of a Topic, and false when it has none.
func (l *Ledger) Mark(name waverider.TopicName) (m Mark, ok bool, err error) {
	err = l.view(func(tx *bolt.Tx) (err error) {
		key := []byte(name)
		data := tx.Bucket(marks).Get(key)
		if ok = data != nil; ok {
			m, err = readMark(key, data)
		}
		return err
	})
	return m, ok, err
}

// Marks answers those of all Topics.
func (l *Ledger) Marks() (map[waverider.TopicName]Mark, error) {
	all := map[waverider.TopicName]Mark{}
	err := l.view(func(tx *bolt.Tx) error {
		return tx.Bucket(marks).ForEach(func(key, data []byte) (err error) {
			all[waverider.TopicName(key)], err = readMark(key, data)
			return err
		})
	})
	return all, err
}

// StreamMarks answers those of all streams.
func (l *Ledger) StreamMarks() (map[string]StreamMark, error) {
	all := map[string]StreamMark{}
	err := l.view(func(tx *bolt.Tx) error {
		return tx.Bucket(streams).ForEach(func(key, data []byte) error {
			body, err := unseal(streams, key, data)
			if err != nil {
				return err
			}
			f := fields{rest: body}
			all[string(key)] = StreamMark{Last: f.unsigned(), At: f.time()}
			return f.done(streams, key)
		})
	})
	return all, err
}

// DeleteStreamMark forgets a stream; a missing one is no error.
func (l *Ledger) DeleteStreamMark(name string) error {
	return l.update(func(tx *bolt.Tx) error { return tx.Bucket(streams).Delete([]byte(name)) })
}
