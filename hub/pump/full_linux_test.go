package pump_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider"
)

// smallDisk is a folder on a disk of 96 MiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=96m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A program between Topics stands still while the disk is full. It goes on by
// itself, with nothing lost and nothing twice.
func TestProgramWaitsForRoomOnTheDisk(t *testing.T) {
	dir := smallDisk(t)
	r := newRigIn(t, dir, 32<<20)
	in, out := r.topic("in", waverider.TypeNDJSON), r.topic("out", waverider.TypeNDJSON)
	r.send(in, "1\n")
	v := r.start(in, out, false)
	emit := func(from, to int) (text string) {
		for i := from; i < to; i++ {
			text += strconv.Itoa(i) + "\n"
			v.write(t, strconv.Itoa(i)+"\n")
			v.Mark(0, uint64(i+1), true)
		}
		return text
	}
	want := emit(0, 100)
	r.await(out, len(want))

	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, []byte(strings.Repeat("x", 80<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "other", ContentType: waverider.TypeNDJSON}); waverider.KindOf(err) == waverider.Full {
			break
		} else if err == nil {
			if err := r.store.Delete(t.Context(), "other"); err != nil {
				t.Fatal(err)
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the disk is not found to be full")
		}
	}
	want += emit(100, 200)
	v.Mark(1, 0, true)
	if at := r.place(in); at.Number != 1 {
		t.Errorf("the input is acked, its output has no room: %+v", at)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	r.acked(in, 2)
	if got := r.await(out, len(want)); got != want {
		t.Errorf("stored %d bytes, want %d", len(got), len(want))
	}
}
