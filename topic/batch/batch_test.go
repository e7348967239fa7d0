package batch_test

import (
	"bytes"
	"testing"

	"waverider/topic/batch"
)

func TestBatchKeepsItsRecords(t *testing.T) {
	b := batch.NewBuilder(0)
	b.Add([]byte("a\nbb\n"), []uint32{2, 3}, 1000, nil)
	b.Add([]byte("ccc\n"), []uint32{4}, 1005, []uint32{7})
	s := b.Seal(batch.Header{First: 10, Cause: &batch.Cause{Incarnation: 1, Done: 2, N: 3}})
	defer s.Release()
	d, err := batch.Decode(s.Encoded())
	if err != nil {
		t.Fatal(err)
	}
	if got := d.From(11); !bytes.Equal(got, []byte("bb\nccc\n")) {
		t.Errorf("From: %q", got)
	}
	if got := d.NumberAtTime(1001); got != 12 {
		t.Errorf("NumberAtTime: %d", got)
	}
	for r := range d.Records(11) {
		t.Logf("%+v", r)
	}
}
