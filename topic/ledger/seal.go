package ledger

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"
)

// Each value is a version byte, its body, and a CRC32C of key, version and body:
// bbolt does not notice a bit that has turned, and a wrong position is worse
// than none.

const version = 1

var errDamaged = errors.New("the file is damaged: put a copy of it back, or move it away to begin anew, without its Topics and the places of their readers")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func seal(key, body []byte) []byte {
	data := make([]byte, 0, 1+len(body)+4)
	data = append(data, version)
	data = append(data, body...)
	return binary.BigEndian.AppendUint32(data, sum(key, data))
}

func sum(key, data []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, data)
}

// unseal answers the body in data, which belongs to the transaction.
func unseal(bucket, key, data []byte) ([]byte, error) {
	end := len(data) - 4
	if end < 1 || binary.BigEndian.Uint32(data[end:]) != sum(key, data[:end]) {
		return nil, fmt.Errorf("%w (%s of %q are not as they were written)", errDamaged, bucket, key)
	}
	if data[0] != version {
		return nil, fmt.Errorf("%s of %q have format %d and this version knows format %d only: use the version that wrote them, or a newer one", bucket, key, data[0], version)
	}
	return data[1:end], nil
}

// fields reads the integers of a body one after the other, and is bad when there
// are too few. What a later version appends is left alone.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) unsigned() uint64 {
	v, n := binary.Uvarint(f.rest)
	f.skip(n)
	return v
}

func (f *fields) signed() int64 {
	v, n := binary.Varint(f.rest)
	f.skip(n)
	return v
}

func (f *fields) skip(n int) {
	if f.bad = f.bad || n <= 0; !f.bad {
		f.rest = f.rest[n:]
	}
}

// Times are microseconds, which hold every year and the zero time.

func appendTime(b []byte, t time.Time) []byte { return binary.AppendVarint(b, t.UnixMicro()) }

func (f *fields) time() time.Time { return time.UnixMicro(f.signed()).UTC() }

func (f *fields) done(bucket, key []byte) error {
	if f.bad {
		return fmt.Errorf("%w (%s of %q are too short)", errDamaged, bucket, key)
	}
	return nil
}
