package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"waverider"
)

// buildEnd is how long a build that is told to end may go on.
const buildEnd = 2 * time.Second

// errNotInstalled is healed outside the sources.
var errNotInstalled = errors.New("the dependencies are not installed")

// scripts are what a package.json says of how the package is made.
type scripts struct {
	Scripts struct{ Build string }
	Needs   map[string]string `json:"dependencies"`
	Dev     map[string]string `json:"devDependencies"`
}

func readScripts(dir string) (s scripts, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return s, fmt.Errorf("read package.json: %w", err)
	}
	_ = json.Unmarshal(text, &s) // what is wrong with it, packing says better
	return s, nil
}

// build runs the script `build`, if there is one.
func build(ctx context.Context, dir string, show *printer) error {
	s, err := readScripts(dir)
	if err != nil {
		return err
	}
	if len(s.Needs)+len(s.Dev) > 0 {
		if _, err := os.Stat(filepath.Join(dir, "node_modules")); errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: run `npm install` in %s, then save any file", errNotInstalled, dir)
		}
	}
	if s.Scripts.Build == "" {
		return nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return waverider.Errorf(waverider.NotFound, "package.json has a build script, and there is no `npm` in PATH to run it")
	}
	out := show.stream(nameBuild)
	defer out.Close()
	cmd := exec.CommandContext(ctx, npm, "run", "--silent", "build")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = buildEnd
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("npm run build: %w", err)
	}
	return nil
}
