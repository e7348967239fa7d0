package batch_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"runtime"
	"testing"

	"waverider/topic/batch"
)

func TestDecodeFindsEveryFlippedBit(t *testing.T) {
	for _, g := range goldens {
		whole := golden(t, g.name)
		for i := range len(whole) * 8 {
			p := bytes.Clone(whole)
			p[i/8] ^= 1 << (i % 8)
			want := batch.ErrCorrupt
			if i/8 == 2 {
				want = batch.ErrVersion
			}
			if _, err := batch.Decode(p); !errors.Is(err, want) {
				t.Errorf("%s with bit %d of byte %d flipped: %v", g.name, i%8, i/8, err)
			}
		}
	}
}

func TestDecodeFindsEveryCut(t *testing.T) {
	for _, g := range goldens {
		whole := golden(t, g.name)
		for n := range whole {
			if _, err := batch.Decode(whole[:n:n]); !errors.Is(err, batch.ErrCorrupt) {
				t.Errorf("%s cut to %d bytes: %v", g.name, n, err)
			}
		}
		if _, err := batch.Decode(append(whole, 0)); !errors.Is(err, batch.ErrCorrupt) {
			t.Errorf("%s with a byte more: %v", g.name, err)
		}
	}
}

func sign(p []byte) []byte {
	if n := len(p) - 4; n >= 0 {
		binary.LittleEndian.PutUint32(p[n:], crc32.Checksum(p[:n], crc32.MakeTable(crc32.Castagnoli)))
	}
	return p
}

// forge is a batch with a checksum that is right, whatever else is.
func forge(count, flags uint32, data, table string, change func(p []byte)) []byte {
	le := binary.LittleEndian
	p := make([]byte, 88, 92+len(data)+len(table))
	copy(p, "WB\x01\x00")
	le.PutUint32(p[4:], flags)
	le.PutUint32(p[20:], count)
	le.PutUint32(p[80:], uint32(len(data)))
	le.PutUint32(p[84:], uint32(len(table)))
	if change != nil {
		change(p)
	}
	return sign(append(p, data+table+"\x00\x00\x00\x00"...))
}

func TestDecodeTakesOneEncodingOnly(t *testing.T) {
	le := binary.LittleEndian
	const lengths, times, keys, cause = 1, 2, 4, 8
	for what, c := range map[string]struct {
		p    []byte
		want error
	}{
		"equal records":               {forge(2, 0, "abcd", "", nil), nil},
		"no record":                   {forge(0, 0, "", "", nil), nil},
		"two lengths":                 {forge(2, lengths, "abc", "\x01\x02", nil), nil},
		"two times":                   {forge(2, times, "ab", "\x01\x00\x01\x05", nil), nil},
		"the last time there is":      {forge(2, times, "ab", "\x01\x00\x01\x01", func(p []byte) { le.PutUint64(p[40:], 1<<63-2) }), nil},
		"all times there are":         {forge(2, times, "ab", "\x01\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", func(p []byte) { le.PutUint64(p[40:], 1<<63) }), nil},
		"the last number there is":    {forge(2, 0, "ab", "", func(p []byte) { le.PutUint64(p[24:], 1<<64-3) }), nil},
		"a key":                       {forge(1, keys, "a", "\x01\x01abcd", nil), nil},
		"another codec":               {forge(1, 0, "a", "", func(p []byte) { p[3] = 1 }), batch.ErrVersion},
		"an unknown flag":             {forge(1, 16, "a", "", nil), batch.ErrVersion},
		"records that do not divide":  {forge(2, 0, "abc", "", nil), batch.ErrCorrupt},
		"data of no record":           {forge(0, 0, "abc", "", nil), batch.ErrCorrupt},
		"too many records":            {forge(batch.MaxCount+1, 0, "", "", nil), batch.ErrCorrupt},
		"too large a record":          {forge(1, 0, string(make([]byte, batch.MaxRecord+1)), "", nil), batch.ErrCorrupt},
		"too much data":               {forge(2, 0, string(make([]byte, batch.MaxData+2)), "", nil), batch.ErrCorrupt},
		"numbers that wrap around":    {forge(2, 0, "ab", "", func(p []byte) { le.PutUint64(p[24:], 1<<64-2) }), batch.ErrCorrupt},
		"a cause without its flag":    {forge(1, 0, "a", "", func(p []byte) { p[72] = 1 }), batch.ErrCorrupt},
		"a table nobody asked for":    {forge(1, 0, "a", "\x00", nil), batch.ErrCorrupt},
		"more than the table":         {forge(2, lengths, "abc", "\x01\x02\x00", nil), batch.ErrCorrupt},
		"equal lengths":               {forge(2, lengths, "abcd", "\x02\x02", nil), batch.ErrCorrupt},
		"one length":                  {forge(1, lengths, "ab", "\x02", nil), batch.ErrCorrupt},
		"lengths of nothing":          {forge(0, lengths, "", "", nil), batch.ErrCorrupt},
		"a length that is missing":    {forge(2, lengths, "abc", "\x03", nil), batch.ErrCorrupt},
		"a length that is cut":        {forge(2, lengths, "abc", "\x03\x80", nil), batch.ErrCorrupt},
		"a length too long":           {forge(2, lengths, "abc", "\x01\x03", nil), batch.ErrCorrupt},
		"a length too short":          {forge(2, lengths, "abc", "\x01\x01", nil), batch.ErrCorrupt},
		"a length in a long form":     {forge(2, lengths, "abc", "\x81\x00\x02", nil), batch.ErrCorrupt},
		"a length in a longer form":   {forge(2, lengths, "abc", "\x01\x82\x80\x00", nil), batch.ErrCorrupt},
		"lengths that wrap around":    {forge(3, lengths, "ab", "\x01\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", nil), batch.ErrCorrupt},
		"one time":                    {forge(2, times, "ab", "\x02\x00", nil), batch.ErrCorrupt},
		"times of nothing":            {forge(0, times, "", "", nil), batch.ErrCorrupt},
		"a time that is not the base": {forge(2, times, "ab", "\x01\x01\x01\x02", nil), batch.ErrCorrupt},
		"a time that goes back":       {forge(3, times, "abc", "\x01\x00\x01\x05\x01\x04", nil), batch.ErrCorrupt},
		"a time told twice":           {forge(3, times, "abc", "\x01\x00\x01\x05\x01\x05", nil), batch.ErrCorrupt},
		"a time after the last":       {forge(2, times, "ab", "\x01\x00\x01\x02", func(p []byte) { le.PutUint64(p[40:], 1<<63-2) }), batch.ErrCorrupt},
		"a run of nothing":            {forge(2, times, "ab", "\x01\x00\x00\x01\x01\x02", nil), batch.ErrCorrupt},
		"a run too long":              {forge(2, times, "ab", "\x01\x00\x02\x01", nil), batch.ErrCorrupt},
		"a run that is missing":       {forge(2, times, "ab", "\x01\x00", nil), batch.ErrCorrupt},
		"a run that is cut":           {forge(2, times, "ab", "\x01\x00\x01", nil), batch.ErrCorrupt},
		"a run in a long form":        {forge(2, times, "ab", "\x81\x00\x00\x01\x01", nil), batch.ErrCorrupt},
		"keys of no record":           {forge(2, keys, "ab", "\x02\x00", nil), batch.ErrCorrupt},
		"keys of nothing":             {forge(0, keys, "", "", nil), batch.ErrCorrupt},
		"a key that is cut":           {forge(1, keys, "a", "\x01\x01abc", nil), batch.ErrCorrupt},
		"neither with nor without":    {forge(1, keys, "a", "\x01\x02abcdabcd", nil), batch.ErrCorrupt},
		"key runs that do not differ": {forge(2, keys, "ab", "\x01\x01\x01\x01abcdabcd", nil), batch.ErrCorrupt},
		"more than the keys":          {forge(1, keys, "a", "\x01\x01abcde", nil), batch.ErrCorrupt},
		"a cause of zeros":            {forge(1, cause, "a", "", nil), nil},
	} {
		if _, err := batch.Decode(c.p); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A header may claim anything: what is allocated depends on what is there.
func TestDecodeAllocatesWhatTheInputWarrants(t *testing.T) {
	claims := forge(batch.MaxCount, 15, "abc", "\xff\xff\x03", func(p []byte) {
		binary.LittleEndian.PutUint32(p[80:], 1<<32-1)
		binary.LittleEndian.PutUint32(p[84:], 1<<32-1)
	})
	for _, p := range [][]byte{claims, forge(batch.MaxCount, 15, "abc", "\xff\xff\x03", nil), forge(batch.MaxCount, 0, "", "", nil)} {
		if n := allocated(func() { batch.Decode(p) }); n > 4<<10 {
			t.Errorf("decoding %d bytes allocates %d", len(p), n)
		}
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
