package batch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
)

var (
	// ErrCorrupt is what bytes are that are no batch.
	ErrCorrupt = errors.New("corrupt batch")
	// ErrVersion means that bytes may be a batch of a later version.
	ErrVersion = errors.New("batch of a later version")
)

func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}

// Decode checks encoded, all of which must be one batch, down to the last bit.
// The batch uses its memory: nobody may change it from now on. Decode fails
// with ErrCorrupt or ErrVersion and says what is wrong.
func Decode(encoded []byte) (*Batch, error) {
	if len(encoded) < 3 || string(encoded[:2]) != magic {
		return nil, corrupt("%d bytes without the mark of a batch", len(encoded))
	}
	if encoded[2] != version {
		return nil, fmt.Errorf("%w: %d", ErrVersion, encoded[2])
	}
	if len(encoded) < headerSize+checksumSize {
		return nil, corrupt("cut off in the header")
	}
	var l layout
	l.parse(encoded)
	if whole := headerSize + uint64(l.data) + uint64(l.table) + checksumSize; uint64(len(encoded)) != whole {
		return nil, corrupt("%d bytes long, not %d", len(encoded), whole)
	}
	body := encoded[:len(encoded)-checksumSize]
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(encoded[len(body):]) {
		return nil, corrupt("wrong checksum")
	}
	if encoded[3] != codec || l.flags&^flagsKnown != 0 {
		return nil, fmt.Errorf("%w: codec %d, flags %#x", ErrVersion, encoded[3], l.flags)
	}
	end := headerSize + int(l.data)
	if err := l.check(); err != nil {
		return nil, err
	}
	t, err := l.parseTable(body[end:])
	if err != nil {
		return nil, err
	}
	return newBatch(l.Header, encoded, encoded[headerSize:end:end], t), nil
}

// check judges what the header says.
func (l *layout) check() error {
	switch {
	case l.Count > MaxCount:
		return corrupt("%d records", l.Count)
	case l.data > MaxRecord || l.data > MaxData && l.Count > 1:
		return corrupt("%d bytes of data", l.data)
	case l.First > math.MaxUint64-uint64(l.Count):
		return corrupt("numbers wrap around at record %d", l.First)
	case l.Cause != nil && l.flags&flagCause == 0:
		return corrupt("a cause that is not told")
	}
	return nil
}

// parseTable takes a table apart. It leaves nothing of it unread.
func (l *layout) parseTable(p []byte) (t table, err error) {
	if l.flags&flagLengths != 0 {
		t.lengths, err = l.lengths(p)
		p = p[len(t.lengths):]
	} else if l.Count == 0 && l.data != 0 || l.Count != 0 && l.data%l.Count != 0 {
		err = corrupt("%d bytes of data in %d equal records", l.data, l.Count)
	}
	if err == nil && l.flags&flagTimes != 0 {
		var last uint64
		t.times, last, err = l.runs(p, l.timeFollows)
		p = p[len(t.times):]
		if err == nil && last == 0 {
			err = corrupt("base time told again")
		}
	}
	if err == nil && l.flags&flagKeys != 0 {
		t.keys, _, err = l.runs(p, keyFollows)
		p = p[len(t.keys):]
		keyed := 0
		for r := (runReader{rest: t.keys}); r.next(); {
			keyed += int(r.run.count) * int(r.run.value)
		}
		if err == nil && (keyed == 0 || len(p) < 4*keyed) {
			err = corrupt("%d bytes for %d keys", len(p), keyed)
		}
		if err == nil {
			t.hashes, p = p[:4*keyed:4*keyed], p[4*keyed:]
		}
	}
	if err == nil && len(p) != 0 {
		err = corrupt("%d bytes too many in the table", len(p))
	}
	return t, err
}

// lengths finds the part of p that holds them.
func (l *layout) lengths(p []byte) ([]byte, error) {
	sum, differ, at := uint64(0), uint32(0), 0
	first, _ := length(p, 0)
	for i := range l.Count {
		n, next := length(p, at)
		if next == 0 {
			return nil, corrupt("length %d of %d", i+1, l.Count)
		}
		sum += uint64(n)
		differ |= n ^ first
		at = next
	}
	if sum != uint64(l.data) {
		return nil, corrupt("lengths add up to %d, not %d", sum, l.data)
	}
	if differ == 0 {
		return nil, corrupt("equal lengths told one by one")
	}
	return p[:at:at], nil
}

// runs finds the part of p that holds runs for all records, and the value of
// the last. follows tells whether a run may have a value; the first is i 0.
func (l *layout) runs(p []byte, follows func(i int, before, value uint64) bool) (part []byte, last uint64, err error) {
	at, left := 0, uint64(l.Count)
	for i := 0; left > 0; i++ {
		count, n := uvarint(p[at:])
		value, m := uvarint(p[at+n:])
		if n == 0 || m == 0 || count == 0 || count > left || i == maxRuns || !follows(i, last, value) {
			return nil, 0, corrupt("run %d, %d records before the last", i+1, left)
		}
		at += n + m
		left -= count
		last = value
	}
	return p[:at:at], last, nil
}

func (l *layout) timeFollows(i int, before, value uint64) bool {
	if i == 0 {
		return value == 0
	}
	return value > before && value <= uint64(math.MaxInt64)-uint64(l.Time)
}

func keyFollows(i int, before, value uint64) bool { return value <= 1 && (i == 0 || value != before) }
