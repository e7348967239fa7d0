package bus

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"

	"github.com/minio/highwayhash"
)

const (
	erased      = 1 << 63       // flag of a sequence: the message was taken away
	subjectMost = 1 << 10       // longer than any of ours
	searchMost  = 4 * blockMost // bytes that a search may check in one block
)

// eraseDamaged puts a mark of a deleted message in place of what is damaged in a block, where whole messages follow.
// The engine, when it reads the messages of a block one by one, cuts off all that is behind a damaged one, also what
// other subjects have there. A damaged end is left to it: it is what a kill in the middle of a write leaves.
func eraseDamaged(path string) (places []int64, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	sum, err := blockSum(path)
	if err != nil {
		return nil, err
	}
	b := block{data: data, sum: sum, budget: searchMost}
	var last uint64
	for at := 0; at < len(data); {
		if m, ok := b.message(at); ok {
			last = max(last, m.sequence)
			at += m.length
			continue
		}
		next, m, ok := b.search(at+1, last)
		if !ok {
			break
		}
		if next-at < blockLeast {
			break // no room for a mark
		}
		b.erase(at, next, m.sequence-1, last)
		places = append(places, int64(at))
		at = next
	}
	if len(places) == 0 {
		return nil, nil
	}
	return places, replaceFile(path, data)
}

// blockSum makes the check sum of a block's messages, which is keyed by the names of stream and block.
func blockSum(path string) (hash.Hash, error) {
	stream := filepath.Base(filepath.Dir(filepath.Dir(path)))
	number := strings.TrimSuffix(filepath.Base(path), ".blk")
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%s", stream, number))
	return highwayhash.New64(key[:])
}

type block struct {
	data   []byte
	sum    hash.Hash
	budget int
}

type message struct {
	length   int
	sequence uint64 // 0: of a mark that stands for no message here
}

// message answers the message at an offset if it is whole and right.
func (b *block) message(at int) (m message, ok bool) {
	m, from, ok := b.header(at)
	return m, ok && b.right(at, from, m.length)
}

// header answers what a message says of itself, and where its data begins, if that can be.
func (b *block) header(at int) (m message, from int, ok bool) {
	if at+blockLeast > len(b.data) {
		return message{}, 0, false
	}
	head := b.data[at:]
	length, sequence := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint64(head[4:])
	m.length = int(length &^ lengthFlag)
	subject := int(binary.LittleEndian.Uint16(head[20:]))
	from = at + blockHeader + subject
	if length&lengthFlag != 0 {
		from += 4
	}
	if m.length < blockLeast || m.length > blockMost || at+m.length > len(b.data) || from > at+m.length-8 {
		return message{}, 0, false
	}
	if sequence&tombstone == 0 {
		m.sequence = sequence &^ sequenceFlags
	}
	return m, from, true
}

// right checks the sum of a message.
func (b *block) right(at, from, length int) bool {
	end := at + length - 8
	subject := int(binary.LittleEndian.Uint16(b.data[at+20:]))
	return bytes.Equal(b.sumOf(at, subject, from, end), b.data[end:end+8])
}

func (b *block) sumOf(at, subject, from, end int) []byte {
	b.sum.Reset()
	_, _ = b.sum.Write(b.data[at+4 : at+20])
	_, _ = b.sum.Write(b.data[at+blockHeader : at+blockHeader+subject])
	_, _ = b.sum.Write(b.data[from:end])
	return b.sum.Sum(nil)
}

// search looks for the next whole message, whose sequence follows on last as far as that is known.
func (b *block) search(at int, last uint64) (next int, m message, ok bool) {
	for ; at+blockLeast <= len(b.data); at++ {
		m, from, ok := b.header(at)
		if !ok || m.sequence == 0 || binary.LittleEndian.Uint16(b.data[at+20:]) > subjectMost ||
			last > 0 && (m.sequence <= last || m.sequence > last+sequenceStride) {
			continue
		}
		if b.budget -= m.length; b.budget < 0 {
			return 0, message{}, false
		}
		if b.right(at, from, m.length) {
			return at, m, true
		}
	}
	return 0, message{}, false
}

// erase makes one deleted message of all between two offsets. It has the sequence before that of the message behind
// it; if there is none between that and the one before, what was damaged was a mark itself, and 0 stands for none.
func (b *block) erase(at, next int, sequence, last uint64) {
	if sequence <= last {
		sequence = 0
	}
	head := b.data[at:]
	clear(head[:blockHeader])
	binary.LittleEndian.PutUint32(head, uint32(next-at))
	binary.LittleEndian.PutUint64(head[4:], sequence|erased)
	copy(b.data[next-8:next], b.sumOf(at, 0, at+blockHeader, next-8))
}

// replaceFile puts data in place of a file's content, whole or not at all.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(filepath.Dir(path)), "mend-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // there is none once it is renamed
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return dir.Sync()
}
