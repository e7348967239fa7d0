package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"waverider"
	"waverider/topic/ledger"
)

// smallDisk is a folder with room for a megabyte.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func isFull(err error) bool {
	return waverider.KindOf(err) == waverider.Full && errors.Is(err, syscall.ENOSPC)
}

func TestAFullDiskIsSaidAndHarmsNothing(t *testing.T) {
	path := filepath.Join(smallDisk(t), "topics.db")
	l := open(t, path)
	must(t, l.PutTopic(topic("a")))
	state := bytes.Repeat([]byte("x"), 200_000)
	var err error
	put := 0
	for ; err == nil && put < 100; put++ {
		err = l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: "a", Reader: fmt.Sprint(put)}: {Number: 1, State: state}})
	}
	if !isFull(err) || put < 2 {
		t.Fatalf("after %d states: %v", put, err)
	}
	// Small things that wait beside a large one have room.
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			key, c := ledger.Key{Topic: "a", Reader: "0"}, ledger.Cursor{Number: 2}
			if n%2 == 1 {
				key.Reader, c.State = "large", state
			}
			if err := l.PutCursors(map[ledger.Key]ledger.Cursor{key: c}); err != nil && (n%2 == 0 || !isFull(err)) {
				t.Errorf("put of %d bytes of state: %v", len(c.State), err)
			}
		})
	}
	wg.Wait()
	must(t, l.DeleteCursor(ledger.Key{Topic: "a", Reader: "1"}))
	must(t, l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: "a", Reader: "1"}: {Number: 3, State: state}}))
	must(t, l.Close())
	l = open(t, path)
	cursors, err := l.Cursors("a")
	if err != nil || len(cursors) != put-1 || cursors["0"].Number != 2 || l.Unclean() {
		t.Errorf("%d cursors, %v, unclean %v, %v", len(cursors), cursors["0"], l.Unclean(), err)
	}
	for reader := range cursors {
		if c, ok, err := l.Cursor("a", reader); !ok || err != nil || !bytes.Equal(c.State, state) {
			t.Errorf("cursor %s: %d bytes of state, %v, %v", reader, len(c.State), ok, err)
		}
	}
}

func TestOpenOnAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	ballast, err := os.Create(filepath.Join(dir, "ballast"))
	must(t, err)
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	must(t, ballast.Close())
	path := filepath.Join(dir, "topics.db")
	if l, err := ledger.Open(path); !isFull(err) {
		t.Fatalf("got %v, %v", l, err)
	}
	must(t, os.Remove(ballast.Name()))
	open(t, path)
}
