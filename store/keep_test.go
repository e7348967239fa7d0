package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"waverider"
	"waverider/store"
)

// Whoever is told that a package is kept can use it, whatever others who had
// the same one do at that time.
func TestAPackageThatIsKeptIsNotRemoved(t *testing.T) {
	s := open(t, t.TempDir(), store.Limits{})
	data := archive(t, program()...)
	var mu sync.Mutex
	users := 0
	add := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		users += n
	}
	used := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return users > 0
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				p, err := s.Put(context.Background(), bytes.NewReader(data), func(store.Package) error { add(1); return nil })
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := os.Stat(filepath.Join(p.Dir, "index.js")); err != nil {
					t.Error(err)
				}
				add(-1)
				if err := s.Remove(p.Digest, used); err != nil && waverider.KindOf(err) != waverider.NotFound {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if list := s.List(); len(list) != 0 {
		t.Errorf("left without a user: %v", list)
	}
}

func TestAPackageThatIsNotKeptIsAsBefore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	for name, data := range map[string][]byte{
		"small": archive(t, program()...),
		"large": archive(t, program(file{name: "noise", body: noise(1 << 20)})...),
	} {
		refuse := errors.New("not wanted")
		refused := func(store.Package) error { return refuse }
		if _, err := s.Put(t.Context(), bytes.NewReader(data), refused); !errors.Is(err, refuse) {
			t.Errorf("%s, new: %v", name, err)
		}
		nothingLeft(t, dir)
		p := put(t, s, data)
		if _, err := s.Put(t.Context(), bytes.NewReader(data), refused); !errors.Is(err, refuse) {
			t.Errorf("%s, there before: %v", name, err)
		}
		nothingLeft(t, dir, p)
		if err := s.Remove(p.Digest, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSweepRemovesWhatNobodyUses(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, store.Limits{})
	want, stale, damaged := put(t, s, archive(t, program()...)), put(t, s, archive(t, program(file{name: "a"})...)), put(t, s, archive(t, program(file{name: "b"})...))
	for _, name := range []string{"record", "archive.tar.gz"} {
		if err := os.Remove(filepath.Join(filepath.Dir(damaged.Dir), name)); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, dir, store.Limits{})
	n, err := again.Sweep(t.Context(), func(d waverider.Digest) bool { return d == want.Digest })
	if n != 2 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if _, err := again.Get(stale.Digest); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("get what was swept: %v", err)
	}
	nothingLeft(t, dir, want)
}
