// Package tally makes numbered records for Topics and tells what is wrong with
// those that come back: lost, duplicated, reordered or corrupt. It knows
// nothing of Hubs.
package tally

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// ID names a record for good: no two records of a run have the same.
type ID struct {
	Producer int   `json:"p"`
	Write    int64 `json:"w"` // counts what the producer has sent, repetitions included
	Part     int   `json:"k"` // of those a program makes of one; 0 when it is as it was sent
}

// Record is one line of NDJSON.
type Record struct {
	ID
	Number int64 `json:"n"` // what a repetition repeats
}

var filler = func() []byte {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	f := make([]byte, 1<<20)
	for i := range f {
		f[i] = letters[(i*i+7*i+i>>9)%64]
	}
	return f
}()

// Append appends the record as a line with fill bytes of text and a check sum.
// Part is for programs to set.
func Append(p []byte, r Record, fill int) []byte {
	at := int((r.Write*31 + int64(r.Producer)) % 512)
	text := filler[at : at+fill]
	return fmt.Appendf(p, `{"p":%d,"n":%d,"w":%d,"k":%d,"s":"%08x","f":"%s"}`+"\n", r.Producer, r.Number, r.Write, r.Part, sum(r, text), text)
}

// MaxFill is the most text a record can have.
const MaxFill = 1<<20 - 512

// sum leaves Part out, so that a program can copy records without making sums.
func sum(r Record, text []byte) uint32 {
	head := fmt.Appendf(nil, "%d %d %d ", r.Producer, r.Number, r.Write)
	return crc32.Update(crc32.ChecksumIEEE(head), crc32.IEEETable, text)
}

// Parse reads a line, its newline included or not; false when it is not exactly
// what Append makes.
func Parse(line []byte) (Record, bool) {
	var in struct {
		Record
		Text string `json:"f"`
	}
	line = bytes.TrimSuffix(line, []byte("\n"))
	if json.Unmarshal(line, &in) != nil || in.Write < 0 || in.Producer < 0 || len(in.Text) > MaxFill {
		return Record{}, false
	}
	want := Append(nil, in.Record, len(in.Text))
	return in.Record, bytes.Equal(line, want[:len(want)-1])
}
