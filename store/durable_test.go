package store_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/store"
)

func TestVerifySeesEveryChange(t *testing.T) {
	for name, change := range map[string]func(dir string) error{
		"a byte": func(d string) error {
			return os.WriteFile(filepath.Join(d, "index.js"), []byte("module.exports = 2"), 0o644)
		},
		"a file gone":      func(d string) error { return os.Remove(filepath.Join(d, "index.js")) },
		"a file more":      func(d string) error { return os.WriteFile(filepath.Join(d, "lib/evil.js"), nil, 0o644) },
		"the executable":   func(d string) error { return os.Chmod(filepath.Join(d, "index.js"), 0o755) },
		"file made a link": func(d string) error { return relink(filepath.Join(d, "index.js"), "lib/a.js") },
		"file made a pipe": func(d string) error {
			return chain(os.Remove(filepath.Join(d, "index.js")), syscall.Mkfifo(filepath.Join(d, "index.js"), 0o644))
		},
		"the link":   func(d string) error { return relink(filepath.Join(d, "lib/link"), "../index.js") },
		"everything": func(d string) error { return os.RemoveAll(d) },
		"the record": func(d string) error {
			return os.Truncate(filepath.Join(d, "../record"), 300)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, store.Limits{})
			p := put(t, s, archive(t, program(
				file{name: "lib/a.js", body: "a"}, file{name: "lib/link", typ: '2', target: "a.js"})...))
			if err := s.Verify(p.Digest); err != nil {
				t.Fatalf("unchanged: %v", err)
			}
			if err := change(p.Dir); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(p.Digest); waverider.KindOf(err) != waverider.Conflict {
				t.Errorf("changed: %v", err)
			}
			if _, err := s.Restore(p.Digest); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(p.Digest); err != nil {
				t.Errorf("restored: %v", err)
			}
			if got := read(t, filepath.Join(p.Dir, "index.js")); got != "module.exports = 1" {
				t.Errorf("restored: index.js holds %q", got)
			}
			nothingLeft(t, dir, p)
		})
	}
}

func relink(name, target string) error { return chain(os.Remove(name), os.Symlink(target, name)) }

func chain(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// A power cut may take what was not fsynced: all but the archive.
func TestPowerCutCostsNoPackage(t *testing.T) {
	for name, lose := range map[string]func(home string) error{
		"nothing":        func(string) error { return nil },
		"a file's bytes": func(h string) error { return os.Truncate(filepath.Join(h, "package/index.js"), 0) },
		"the package":    func(h string) error { return os.RemoveAll(filepath.Join(h, "package")) },
		"the record":     func(h string) error { return os.Remove(filepath.Join(h, "record")) },
		"half a record":  func(h string) error { return os.Truncate(filepath.Join(h, "record"), 40) },
		"the list":       func(h string) error { return os.Truncate(filepath.Join(h, "record"), 500) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := put(t, open(t, dir, store.Limits{}), archive(t, program(file{name: "fill", body: noise(5000)})...))
			if err := lose(filepath.Dir(p.Dir)); err != nil {
				t.Fatal(err)
			}
			store.SetBootID(t, "the next boot")
			for range 2 { // the second time all is settled
				s := open(t, dir, store.Limits{})
				got, err := s.Get(p.Digest)
				if err != nil || got.Size != p.Size || got.Unpacked != p.Unpacked || got.Manifest.Name != "demo" {
					t.Fatalf("%+v, %v", got, err)
				}
				if got := read(t, filepath.Join(p.Dir, "index.js")); got != "module.exports = 1" {
					t.Errorf("index.js holds %q", got)
				}
				if err := s.Verify(p.Digest); err != nil {
					t.Error(err)
				}
				nothingLeft(t, dir, p)
			}
		})
	}
}

func TestSettledPackagesAreNotReadAtEveryStart(t *testing.T) {
	dir := t.TempDir()
	p := put(t, open(t, dir, store.Limits{}), archive(t, program()...))
	store.SetBootID(t, "second boot")
	if _, err := open(t, dir, store.Limits{}).Get(p.Digest); err != nil {
		t.Fatal(err)
	}
	store.SetBootID(t, "third boot")
	changed := filepath.Join(p.Dir, "index.js")
	if err := os.WriteFile(changed, []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, store.Limits{}).Get(p.Digest); err != nil {
		t.Fatal(err)
	}
	if read(t, changed) != "changed" { // had Get looked, it would have been restored
		t.Error("a settled package was compared again")
	}
}

func TestDamagedPackageIsReplacedByTheSameUpload(t *testing.T) {
	dir := t.TempDir()
	data := archive(t, program()...)
	other := put(t, open(t, dir, store.Limits{}), archive(t, program(file{name: "other"})...))
	p := put(t, open(t, dir, store.Limits{}), data)
	home := filepath.Dir(p.Dir)
	for _, name := range []string{"archive.tar.gz", "record"} {
		if err := os.Truncate(filepath.Join(home, name), 10); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, store.Limits{})
	if _, err := s.Get(p.Digest); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("get: %v", err)
	}
	if err := s.Verify(p.Digest); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("verify: %v", err)
	}
	if _, err := s.Restore(p.Digest); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("restore: %v", err)
	}
	if list := s.List(); len(list) != 1 || list[0].Digest != other.Digest {
		t.Errorf("list: %+v", list)
	}
	if again := put(t, s, data); again.Dir != p.Dir {
		t.Errorf("put again: %+v", again)
	}
	if err := s.Verify(p.Digest); err != nil {
		t.Error(err)
	}
	nothingLeft(t, dir, p, other)
}

const killMe = "WAVERIDER_STORE_TEST_DIR"

// TestKilledUploader is the child of TestKillWhilePutting, not a test.
func TestKilledUploader(t *testing.T) {
	dir := os.Getenv(killMe)
	if dir == "" {
		t.Skip("runs as a child only")
	}
	s := open(t, dir, store.Limits{})
	for i := 0; ; i++ {
		p := put(t, s, archive(t, program(file{name: "n", body: noise(300_000 * (i % 2))}, file{name: fmt.Sprint(i)})...))
		fmt.Println(p.Digest)
	}
}

func TestKillWhilePutting(t *testing.T) {
	dir := t.TempDir()
	acked := map[waverider.Digest]bool{}
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run", "^TestKilledUploader$")
		child.Env = append(os.Environ(), killMe+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 3 && lines.Scan(); n++ {
			acked[waverider.Digest(lines.Text())] = true
		}
		// At any moment of an upload; nothing is waited for.
		time.Sleep(time.Duration(rand.IntN(8000)) * time.Microsecond)
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "sha256:") && len(lines.Text()) == 71 {
				acked[waverider.Digest(lines.Text())] = true
			}
		}
		_ = child.Wait() // killed

		s := open(t, dir, store.Limits{})
		for digest := range acked {
			if err := s.Verify(digest); err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		nothingLeft(t, dir, s.List()...)
	}
	if len(acked) < 3 {
		t.Fatalf("only %d packages were put before the kills", len(acked))
	}
}

func TestOpenRefusesAFileAsItsFolder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, bytes.Repeat([]byte("x"), 3), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(name, store.Limits{}); err == nil {
		t.Error("a file was opened as a store")
	}
}
