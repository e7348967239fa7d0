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
