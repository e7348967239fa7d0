package replica_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"waverider"
)

// A receiver whose disk is full lets its senders wait, and goes on by itself.
func TestFullDiskHoldsUpSenders(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=128m"); err != nil {
		t.Skipf("cannot mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	a := newSite(t, "a")
	s := &site{t: t, id: "s", dir: filepath.Join(dir, "topics"), minFree: 64 << 20}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.open()
	a.produce("t", 0, 100)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 100})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 75<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	wait(t, "the disk is full", func() bool {
		_, err := s.store.Create(t.Context(), waverider.TopicConfig{Name: "probe", ContentType: waverider.TypeText})
		if err == nil {
			err = s.store.Delete(t.Context(), "probe")
		}
		return waverider.KindOf(err) == waverider.Full
	})
	a.produce("t", 100, 2000)
	wait(t, "the receiver waits", func() bool { return s.receiver.Stats()[0].Waits > 1 })
	c.stop()
	c = link(t, up(a, s)) // also one who comes now
	wait(t, "a sender waits", func() bool { st := c.out.Stats(); return len(st) == 1 && st[0].Lag == 1900 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	s.holds("t", map[string]int{"a": 2000})
	wait(t, "all is acked", c.quiet)
}
