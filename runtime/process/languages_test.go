package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"waverider/runtime/process"
)

// fakeNode writes a script that answers as node of a version at a path would,
// and counts how often it was asked.
func fakeNode(t *testing.T, file, path, version string) (asked func() int) {
	t.Helper()
	count := file + ".asked"
	script := fmt.Sprintf("#!/bin/sh\necho x >>'%s'\necho '{\"path\":\"%s\",\"version\":\"%s\"}'\n", count, path, version)
	if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return func() int {
		text, _ := os.ReadFile(count)
		return strings.Count(string(text), "x")
	}
}

func TestNodeIsAskedOnce(t *testing.T) {
	dir, cache := t.TempDir(), t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	node := filepath.Join(dir, "node")
	asked := fakeNode(t, node, node, "20.1.2")
	for range 3 {
		got, err := process.FindNode(t.Context(), cache)
		if err != nil || got != (process.Interpreter{Path: node, Version: "20.1.2"}) {
			t.Fatalf("found %+v, %v", got, err)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	fakeNode(t, node, node, "22.0.10")
	if got, err := process.FindNode(t.Context(), cache); err != nil || got.Version != "22.0.10" {
		t.Errorf("after an update: %+v, %v", got, err)
	}
	if err := os.WriteFile(filepath.Join(cache, "node.json"), []byte("{rubbish"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := process.FindNode(t.Context(), cache); err != nil || got.Version != "22.0.10" {
		t.Errorf("with a broken cache: %+v, %v", got, err)
	}
}

// The shim of a version manager may point elsewhere any time: it is asked each
// time, and what it names is used.
func TestNodeBehindAShim(t *testing.T) {
	dir, cache, real := t.TempDir(), t.TempDir(), t.TempDir()
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, version := range []string{"18.0.0", "20.0.0"} {
		path := filepath.Join(real, version)
		fakeNode(t, path, path, version)
		fakeNode(t, filepath.Join(dir, "node"), path, version)
		for range 2 {
			got, err := process.FindNode(t.Context(), cache)
			if err != nil || got != (process.Interpreter{Path: path, Version: version}) {
				t.Errorf("found %+v, %v; want %s", got, err, path)
			}
		}
	}
}

func TestNoNodeOrTooOldAOne(t *testing.T) {
	dir := t.TempDir()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	if _, err := process.FindNode(t.Context(), t.TempDir()); !errors.Is(err, process.ErrNoNode) {
		t.Errorf("without node: %v", err)
	}
	t.Setenv("PATH", dir+":"+filepath.Dir(sh))
	node := filepath.Join(dir, "node")
	fakeNode(t, node, node, "16.20.2")
	if _, err := process.FindNode(t.Context(), t.TempDir()); !errors.Is(err, process.ErrNoNode) || !strings.Contains(err.Error(), "16.20.2") {
		t.Errorf("with node 16: %v", err)
	}
	if err := os.WriteFile(node, []byte("#!/bin/sh\necho hello\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := process.FindNode(t.Context(), t.TempDir()); err == nil {
		t.Error("a node that answers rubbish was taken")
	}
}
