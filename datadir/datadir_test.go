package datadir_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"waverider/datadir"
)

var (
	hub   = datadir.Layout{Role: "Hub", Version: 2, Folders: []string{"a", "b/c"}}
	space = datadir.Layout{Role: "Space", Version: 2}
)

func open(t *testing.T, dir string, l datadir.Layout) (*datadir.Dir, error) {
	t.Helper()
	d, err := datadir.Open(dir, l)
	if err == nil {
		t.Cleanup(func() { _ = d.Close() })
	}
	return d, err
}

func TestOneProcessHasADataDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	d, err := open(t, dir, hub)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(d.Path("b", "c")); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info.Mode(), err)
	}
	if _, err := open(t, dir, hub); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir, hub); err != nil {
		t.Error(err)
	}
}

func TestADataDirBelongsToARole(t *testing.T) {
	for _, c := range []struct {
		mark  string
		as    datadir.Layout
		wrong string
	}{
		{"2\n", hub, ""}, {"1\n", hub, ""}, {"3\n", hub, "newer"}, {"Space 2\n", hub, "belongs to a Space"},
		{"2\n", space, "belongs to a Hub"}, {"Space 2\n", space, ""}, {"Space 9", space, "newer"}, {"", hub, "number"}, {"Space x", space, "number"}, {"\x00", space, "number"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "VERSION"), []byte(c.mark), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, dir, c.as)
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%q as %s: %v", c.mark, c.as.Role, err)
		}
	}
}

func TestAFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	for _, text := range []string{"one", "two, which is longer", ""} {
		if err := datadir.WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%q %v", got, err)
		}
	}
	if err := os.Mkdir(path+".tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := datadir.WriteFile(path, []byte("x")); err == nil {
		t.Error("no error")
	}
	if got, err := os.ReadFile(path); err != nil || len(got) > 0 {
		t.Errorf("%q %v", got, err)
	}
}
