package dev

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider/tty"
)

func sources(t *testing.T, files map[string]string) *tree {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	tr, err := newTree(dir)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestOnlyContentOfSourcesCounts(t *testing.T) {
	tr := sources(t, map[string]string{
		"package.json": `{"main":"index.js"}`, "index.js": "1", ".gitignore": "out/\n", ".waveriderignore": "doc/\n",
	})
	for _, step := range []struct {
		what  string
		files map[string]string
		want  bool
	}{
		{"the first look", nil, true},
		{"nothing", nil, false},
		{"the same content", map[string]string{"index.js": "1"}, false},
		{"another content", map[string]string{"index.js": "2"}, true},
		{"a new file", map[string]string{"lib/a.js": "1"}, true},
		{"what git ignores", map[string]string{"out/a.js": "1"}, false},
		{"what stays out of the package", map[string]string{"doc/a.md": "1"}, false},
		{"a dependency", map[string]string{"node_modules/a/index.js": "1"}, false},
		{"a file of the editor", map[string]string{".index.js.swp": "1", "4913": "", ".#index.js": "1"}, false},
		{"the rules themselves", map[string]string{".waveriderignore": ""}, true},
		{"what the rules no longer name", map[string]string{"doc/a.md": "2"}, true},
	} {
		write(t, tr.dir, step.files)
		if got, err := tr.changed(); err != nil || got != step.want {
			t.Errorf("%s: changed %v, %v", step.what, got, err)
		}
	}
	if err := os.Rename(filepath.Join(tr.dir, "lib/a.js"), filepath.Join(tr.dir, "lib/b.js")); err != nil {
		t.Fatal(err)
	}
	if got, err := tr.changed(); err != nil || !got {
		t.Errorf("a new name: changed %v, %v", got, err)
	}
}

func TestSyntaxErrorsPointIntoTheFolderByItsRelativeName(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	dir := t.TempDir()
	t.Chdir(dir)
	write(t, "mine", map[string]string{"package.json": manifest, "lib/a.js": "export default function ( {"})
	tr, err := newTree("mine")
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.syntaxFault(t.Context()); !strings.HasPrefix(got, "lib/a.js:1\n") {
		t.Errorf("got %q", got)
	}
}

// watched starts watching and answers a function that waits for news of one change.
func watched(t *testing.T, tr *tree) (changes chan struct{}, await func(what string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	changes = make(chan struct{}, 1)
	ended := make(chan error, 1)
	go func() { ended <- tr.watch(ctx, changes, newPrinter(io.Discard, tty.Terminal{})) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	await = func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(patience):
			t.Fatalf("nobody was told of %s", what)
		}
	}
	// The watches are in place once a change is told of.
	for n := byte(0); ; n++ {
		if err := os.WriteFile(filepath.Join(tr.dir, "index.js"), []byte{n}, 0o644); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
			return changes, await
		case <-time.After(2 * quietTime):
		}
	}
}

func TestWatchTellsOfEveryKindOfChange(t *testing.T) {
	tr := sources(t, map[string]string{"package.json": `{"main":"index.js"}`, "lib/deep/a.js": "1", "node_modules/x/i.js": "1"})
	_, await := watched(t, tr)
	write(t, tr.dir, map[string]string{"lib/deep/a.js": "2"})
	await("a change deep below")
	write(t, tr.dir, map[string]string{"new/folder/b.js": "1"})
	await("a new folder")
	write(t, tr.dir, map[string]string{"new/folder/b.js": "2"})
	await("a change in the new folder")
	if err := os.RemoveAll(filepath.Join(tr.dir, "new")); err != nil {
		t.Fatal(err)
	}
	await("a folder that went")
}

// A busy machine may pause in the middle of a burst, so more than one notice
// is right; one for each of the hundred writes is not.
func TestManyEventsAreToldOfFewTimes(t *testing.T) {
	tr := sources(t, map[string]string{"package.json": `{"main":"index.js"}`})
	changes, await := watched(t, tr)
	for range 50 {
		write(t, tr.dir, map[string]string{"a": "1", "b": "2"})
	}
	await("the burst")
	for told := 1; told < 10; told++ {
		select {
		case <-changes:
		case <-time.After(2 * quietTime):
			return
		}
	}
	t.Error("it was told of again and again")
}
