// Package testbin builds the waverider binary for tests that need the real one
// as a child process: once for each test binary, or not at all where
// WAVERIDER_BIN names it.
package testbin

import (
	"fmt"
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
		path, err = filepath.Abs(path)
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
