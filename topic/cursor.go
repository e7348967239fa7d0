package topic

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"waverider"
)

// Cursor is a place in a Topic: before the record it names. Users see it as an
// opaque text.
type Cursor struct {
	Origin      uint64 // who numbered the records
	Incarnation uint32
	Number      uint64 // of the next record
}

const cursorVersion = 1

// String is the text form: version, origin, incarnation, number, and a check
// that a mistyped one does not pass.
func (c Cursor) String() string {
	b := make([]byte, 0, 32)
	b = append(b, cursorVersion)
	b = binary.LittleEndian.AppendUint64(b, c.Origin)
	b = binary.AppendUvarint(b, uint64(c.Incarnation))
	b = binary.AppendUvarint(b, c.Number)
	return base64.RawURLEncoding.EncodeToString(append(b, cursorCheck(b)))
}

func cursorCheck(b []byte) byte { return byte(crc32.ChecksumIEEE(b)) }

// ParseCursor reads what String made.
func ParseCursor(s string) (Cursor, error) {
	bad := waverider.Errorf(waverider.Invalid, "%q is no cursor; send one that a Topic of this Hub has given", s)
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 12 || b[0] != cursorVersion || b[len(b)-1] != cursorCheck(b[:len(b)-1]) {
		return Cursor{}, bad
	}
	c := Cursor{Origin: binary.LittleEndian.Uint64(b[1:])}
	rest := b[9 : len(b)-1]
	inc, n := binary.Uvarint(rest)
	if n <= 0 || inc > 1<<32-1 {
		return Cursor{}, bad
	}
	number, m := binary.Uvarint(rest[n:])
	if m <= 0 || n+m != len(rest) {
		return Cursor{}, bad
	}
	c.Incarnation, c.Number = uint32(inc), number
	return c, nil
}
