package batch_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waverider/topic/batch"
)

// golden reads a file of hex bytes with comments.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	p, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

var (
	goldenHeader = batch.Header{
		Origin: 0x0123456789abcdef, Incarnation: 0xa1a2a3a4, First: 0x0102030405060708, Before: 0x1112131415161718,
		Time: 1767225600123, Epoch: 0xb1b2b3b4, End: 0x2122232425262728,
	}
	goldenCause = batch.Cause{Incarnation: 0xc1c2c3c4, Done: 0x3132333435363738, N: 0x4142434445464748}
)

// goldens are batches whose bytes lie in testdata, written there by an encoder
// that shares nothing with this package. They are on disks of users: a change
// of the format gets a new version and new files, and these stay.
var goldens = []struct {
	name    string
	header  batch.Header
	records []batch.Record // without their numbers
}{
	{"v1-one", goldenHeader, []batch.Record{{Time: 1767225600123, Data: []byte("{\"n\":1}\n")}}},
	{"v1-equal", batch.Header{First: 5, Time: -1}, []batch.Record{
		{Time: -1, Data: []byte("0\n")}, {Time: -1, Data: []byte("1\n")}, {Time: -1, Data: []byte("2\n")}, {Time: -1, Data: []byte("3\n")},
	}},
	{"v1-all", with(goldenHeader, goldenCause), []batch.Record{
		{Time: 1767225600123, Data: []byte("a\n")},
		{Time: 1767225600123, Key: 0xdeadbeef, HasKey: true},
		{Time: 1767225600124, Key: 0, HasKey: true, Data: []byte(strings.Repeat("x", 127) + "\n")},
		{Time: 1767225600124, Data: []byte("bcd\n")},
		{Time: 1767225600624, Key: 7, HasKey: true, Data: []byte("e\n")},
	}},
	{"v1-none", batch.Header{First: 1, Time: 1767225600123, Epoch: 2, End: 77, Cause: &batch.Cause{}}, nil},
}

func with(h batch.Header, c batch.Cause) batch.Header {
	h.Cause = &c
	return h
}

// build makes a batch of records, which it adds one by one.
func build(h batch.Header, records []batch.Record) *batch.Batch {
	b := batch.NewBuilder(0)
	for _, r := range records {
		var keys []uint32
		if r.HasKey {
			keys = []uint32{r.Key}
		}
		b.Add(r.Data, []uint32{uint32(len(r.Data))}, r.Time, keys)
	}
	return b.Seal(h)
}

func TestFormatDoesNotChange(t *testing.T) {
	for _, g := range goldens {
		t.Run(g.name, func(t *testing.T) {
			want := golden(t, g.name)
			s := build(g.header, g.records)
			if !bytes.Equal(s.Encoded(), want) {
				t.Errorf("the format has changed: this batch is now\n%sand was\n%s", hex.Dump(s.Encoded()), hex.Dump(want))
			}
			d, err := batch.Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			checkBatch(t, s, g.header, g.records)
			checkBatch(t, d, g.header, g.records)
		})
	}
}
