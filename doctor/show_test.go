package doctor

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"waverider/tty"
)

func TestExposure(t *testing.T) {
	for name, c := range map[string]struct {
		s    settings
		want State
		text string
	}{
		"default":        {settings{Listen: "127.0.0.1:8000"}, OK, "only this machine"},
		"localhost":      {settings{Listen: "localhost:8000"}, OK, "only this machine"},
		"version 6":      {settings{Listen: "[::1]:8000"}, OK, "only this machine"},
		"open":           {settings{Listen: "0.0.0.0:8000"}, Warn, "no TLS: tokens and data can be read on the way; no tokens"},
		"all addresses":  {settings{Listen: ":8000", TLSCert: "c"}, Warn, "no tokens"},
		"closed":         {settings{Listen: ":8000", TLSCert: "c", TokenFile: "t"}, OK, "TLS and tokens"},
		"behind a proxy": {settings{Listen: "127.0.0.1:8000", Hosts: []string{"h"}}, Warn, "a proxy lets through"},
		"every page":     {settings{Listen: "127.0.0.1:8000", TokenFile: "t", CORS: []string{"*"}}, Warn, "every web page"},
		"nonsense":       {settings{Listen: "here"}, Warn, "listens on here"},
	} {
		got := exposure(c.s)[0]
		if got.State != c.want || !strings.Contains(got.Text, c.text) || (got.State == Warn) != (got.Do != "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestRoom(t *testing.T) {
	for _, c := range []struct {
		free  uint64
		least int64
		want  State
	}{{10 << 30, 64 << 20, OK}, {500 << 20, 64 << 20, Warn}, {60 << 20, 64 << 20, Fail}, {60 << 20, 0, Warn}} {
		if got := room("disk", "/d", c.free, c.least)[0]; got.State != c.want {
			t.Errorf("%d free of %d: %+v", c.free, c.least, got)
		}
	}
}

func TestDataDirThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := dataDir(filepath.Join(dir, "to", "be", "made"), 0)[0]; got.State == Fail {
		t.Errorf("one that can be made: %+v", got)
	}
	if got := dataDir(filepath.Join(file, "below"), 0)[0]; got.State != Fail {
		t.Errorf("one below a file: %+v", got)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestKeeperIsSeenByItsLock(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	look := func(base string, instances int) State { return alive(base, settings{DataDir: dir}, instances)[0].State }
	const here = "http://127.0.0.1:8000/api/v1"
	if got := look(here, 1); got != Skip {
		t.Errorf("without a lock file: %s", got)
	}
	lock, err := os.Create(filepath.Join(dir, "run", "keeper.lock"))
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if got := look(here, 0); got != OK {
		t.Errorf("none needed: %s", got)
	}
	if got := look(here, 1); got != Fail {
		t.Errorf("dead: %s", got)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if got := look(here, 1); got != OK {
		t.Errorf("alive: %s", got)
	}
	if got := look("http://10.0.0.1:8000/api/v1", 1); got != Skip {
		t.Errorf("elsewhere: %s", got)
	}
}

func TestTable(t *testing.T) {
	var b bytes.Buffer
	all := append(one("node", OK, "20 at /usr/bin/node"), do(one("hub", Fail, "none"), "start one")...)
	if err := show(&b, "table", tty.Terminal{}, all); err != nil {
		t.Fatal(err)
	}
	want := "node         ok    20 at /usr/bin/node\nhub          fail  none\n                   → start one\n"
	if b.String() != want {
		t.Errorf("got\n%s", &b)
	}
	if Failed(all) != 1 {
		t.Errorf("%d failed", Failed(all))
	}
}

func TestWrap(t *testing.T) {
	if got := wrap("one two three extraordinarily", 9); !slices.Equal(got, []string{"one two", "three", "extraordinarily"}) {
		t.Errorf("got %q", got)
	}
	if got := wrap("", 9); !slices.Equal(got, []string{""}) {
		t.Errorf("got %q", got)
	}
}
