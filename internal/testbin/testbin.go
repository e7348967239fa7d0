// Package testbin builds the waverider binary for tests that need the real one
// as a child process: once for each test binary, or not at all where
// WAVERIDER_BIN names it.
package testbin

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var (
	once sync.Once
	dir  string
	path string
	err  error
)

// Path is the binary. The test fails where it cannot be built.
func Path(t testing.TB) string {
	t.Helper()
	once.Do(build)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// WithNode is Path for tests whose programs are Node's; they are skipped where
// it is not installed.
func WithNode(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	return Path(t)
}

// Remove takes away what was built; for the end of TestMain.
func Remove() {
	if dir != "" {
		_ = os.RemoveAll(dir)
	}
}

func build() {
	if path = os.Getenv("WAVERIDER_BIN"); path != "" {
		if path, err = filepath.Abs(path); err == nil {
			_, err = os.Stat(path) // which the go command remembers, see look
		}
		return
	}
	if err = look(); err != nil {
		return
	}
	if dir, err = os.MkdirTemp("", "waverider-bin-"); err != nil {
		return
	}
	path = filepath.Join(dir, "waverider")
	out, failed := exec.Command("go", "build", "-o", path, "waverider/cmd/waverider").CombinedOutput()
	if failed != nil {
		err = fmt.Errorf("build waverider: %w\n%s", failed, out)
	}
}

// look visits all that the program is made of. The go command keeps the result
// of a test for as long as what the test has looked at is the same; what a build
// that the test begins looks at it does not see.
func look() error {
	root, err := os.Getwd()
	for err == nil {
		if _, missing := os.Stat(filepath.Join(root, "go.mod")); missing == nil {
			break
		} else if root == filepath.Dir(root) {
			return missing
		}
		root = filepath.Dir(root)
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(_ string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // another test's, and gone
			return nil
		}
		if err == nil && e.IsDir() && (e.Name() == ".git" || e.Name() == "node_modules" || e.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
}
