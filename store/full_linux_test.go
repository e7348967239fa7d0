package store_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"waverider"
	"waverider/store"
)

func TestPutSaysWhenTheDiskIsFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	s := open(t, filepath.Join(dir, "store"), store.Limits{})
	kept := put(t, s, archive(t, program()...))
	for _, size := range []int{700_000, 5 << 20} { // full while unpacking, and while receiving
		_, err := s.Put(t.Context(), bytes.NewReader(archive(t, program(file{name: "n", body: noise(size)})...)), nil)
		if waverider.KindOf(err) != waverider.Full || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%d bytes: %v", size, err)
		}
		nothingLeft(t, filepath.Join(dir, "store"), kept)
	}
	if err := s.Verify(kept.Digest); err != nil {
		t.Errorf("the package from before: %v", err)
	}
	put(t, s, archive(t, program(file{name: "again", body: "fits"})...))
}
