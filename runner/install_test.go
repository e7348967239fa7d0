package runner_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"waverider/runner"
)

func TestInstallNodeWritesTheRunnerOnce(t *testing.T) {
	dir := t.TempDir()
	first, err := runner.InstallNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(first.Main)
	if err != nil {
		t.Fatal(err)
	}
	second, err := runner.InstallNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(second.Main)
	if err != nil {
		t.Fatal(err)
	}
	if first != second || !os.SameFile(before, after) {
		t.Errorf("installed again: %+v, then %+v", first, second)
	}
	names, err := filepath.Glob(filepath.Join(filepath.Dir(first.Main), "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if base := filepath.Base(name); base == "test" || base == "bench" || base == "node_modules" {
			t.Errorf("%s is embedded", base)
		}
	}
}

func TestInstallNodeRepairsADamagedRunner(t *testing.T) {
	dir := t.TempDir()
	n, err := runner.InstallNode(dir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(n.Main)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.Main, want[:len(want)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := runner.InstallNode(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(n.Main)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("main.js was not repaired: %v", err)
	}
}

func TestInstallNodeFromManyProcessesAtOnce(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		wg.Go(func() {
			_, errs[i] = runner.InstallNode(dir)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || strings.HasPrefix(entries[0].Name(), ".") {
		t.Errorf("left behind: %v", entries)
	}
}

// TestInstallPythonCompilesOnce has each start find code that need not be
// compiled, for every interpreter.
func TestInstallPythonCompilesOnce(t *testing.T) {
	eachPython(t, func(t *testing.T, l language) {
		dir := t.TempDir()
		var before map[string]os.FileInfo
		for range 2 {
			main, err := runner.InstallPython(t.Context(), dir, l.argv[0])
			ok(t, err)
			compiled, err := filepath.Glob(filepath.Join(filepath.Dir(main), "*", "__pycache__", "*.pyc"))
			ok(t, err)
			if len(compiled) < 20 {
				t.Fatalf("compiled: %v", compiled)
			}
			after := map[string]os.FileInfo{}
			for _, name := range compiled {
				info, err := os.Stat(name)
				ok(t, err)
				after[name] = info
				if before != nil && (before[name] == nil || before[name].ModTime() != info.ModTime()) {
					t.Errorf("%s was compiled again", name)
				}
			}
			before = after
		}
	})
}

func TestInstallPythonRepairsADamagedRunner(t *testing.T) {
	eachPython(t, func(t *testing.T, l language) {
		dir := t.TempDir()
		main, err := runner.InstallPython(t.Context(), dir, l.argv[0])
		ok(t, err)
		want, err := os.ReadFile(main)
		ok(t, err)
		ok(t, os.WriteFile(main, want[:len(want)/2], 0o644))
		_, err = runner.InstallPython(t.Context(), dir, l.argv[0])
		ok(t, err)
		if got, err := os.ReadFile(main); err != nil || !bytes.Equal(got, want) {
			t.Errorf("main.py was not repaired: %v", err)
		}
		for _, name := range []string{"test", "bench"} {
			if _, err := os.Stat(filepath.Join(filepath.Dir(main), name)); err == nil {
				t.Errorf("%s is embedded", name)
			}
		}
	})
}

// TestInstallPythonWithoutAnInterpreter lays out all the same: a start takes
// longer when nothing could be compiled.
func TestInstallPythonWithoutAnInterpreter(t *testing.T) {
	main, err := runner.InstallPython(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "none"))
	ok(t, err)
	if _, err := os.Stat(main); err != nil {
		t.Error(err)
	}
}
