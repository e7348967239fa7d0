package topic_test

import (
	"os"
	"path/filepath"
	"testing"
)

func TestCheckFindsWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "checked", "sync")
	for i := range 20 {
		write(t, top, i*100, (i+1)*100, 100)
	}
	if err := s.Scrub(t.Context(), 1<<30); err != nil {
		t.Fatal(err)
	}
	if i := info(t, top); len(i.Damage) > 0 || i.Checked.Bytes != i.Bytes {
		t.Errorf("a whole Topic of %d bytes: checked %+v, damage %+v", i.Bytes, i.Checked, i.Damage)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, filepath.Join(dir, "streams"))
	s = open(t, dir)
	if err := s.Scrub(t.Context(), 1<<30); err != nil {
		t.Fatal(err)
	}
	top, err := s.Topic("checked")
	if err != nil {
		t.Fatal(err)
	}
	i := info(t, top)
	if len(i.Damage) == 0 {
		t.Fatalf("a flipped byte was not found: %+v", i)
	}
	before := i.Next
	if after := write(t, top, 2000, 2001, 100); after.Number <= before.Number || before.Number < 2001 {
		t.Errorf("the record after the damage has number %d, the Topic had given 2000", after.Number-1)
	}
}

// flip turns a byte in the middle of the largest block file below dir.
func flip(t *testing.T, dir string) {
	t.Helper()
	var largest string
	var size int64
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range blocks {
		if i, err := os.Stat(path); err == nil && i.Size() > size {
			largest, size = path, i.Size()
		}
	}
	data, err := os.ReadFile(largest)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 1
	if err := os.WriteFile(largest, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
