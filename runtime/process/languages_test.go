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

// fakeInterpreter writes a script that answers as an interpreter of a version at
// a path would, and counts how often it was asked.
func fakeInterpreter(t *testing.T, file, path, version string) (asked func() int) {
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
	asked := fakeInterpreter(t, node, node, "20.1.2")
	for range 3 {
		got, err := process.FindNode(t.Context(), cache)
		if err != nil || got != (process.Interpreter{Path: node, Version: "20.1.2"}) {
			t.Fatalf("found %+v, %v", got, err)
		}
	}
	if n := asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	fakeInterpreter(t, node, node, "22.0.10")
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
		fakeInterpreter(t, path, path, version)
		fakeInterpreter(t, filepath.Join(dir, "node"), path, version)
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
	fakeInterpreter(t, node, node, "16.20.2")
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

// TestPythonIsFound looks at the interpreters there are by name, newest last.
func TestPythonIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		there map[string]string // version by name; a name without one fails
		want  string            // name of the one taken
		err   string
	}{
		"python3":              {map[string]string{"python3": "3.12.1", "python3.13": "3.13.0"}, "python3", ""},
		"too old":              {map[string]string{"python3": "3.8.18"}, "", "3.8.18"},
		"too old, and others":  {map[string]string{"python3": "3.8.18", "python3.9": "3.9.1", "python3.10": "3.10.1"}, "python3.10", ""},
		"no python3":           {map[string]string{"python3.9": "3.9.1"}, "python3.9", ""},
		"fails":                {map[string]string{"python3": "", "python3.11": "3.11.0"}, "python3.11", ""},
		"too old, others fail": {map[string]string{"python3": "3.8.18", "python3.9": ""}, "", "3.8.18"},
		"none":                 {nil, "", "no python3 on PATH"},
		"python 4":             {map[string]string{"python3": "4.0.0"}, "", "4.0.0"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, cache := t.TempDir(), t.TempDir()
			t.Setenv("PATH", dir)
			for name, version := range c.there {
				file := filepath.Join(dir, name)
				if version != "" {
					fakeInterpreter(t, file, file, version)
				} else if err := os.WriteFile(file, []byte("#!/bin/sh\nexit 127\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the answer is kept
				got, err := process.FindPython(t.Context(), cache)
				if c.err != "" {
					if !errors.Is(err, process.ErrNoPython) || !strings.Contains(err.Error(), c.err) {
						t.Errorf("found %+v, %v", got, err)
					}
				} else if err != nil || filepath.Base(got.Path) != c.want || got.Version != c.there[c.want] {
					t.Errorf("found %+v, %v", got, err)
				}
			}
		})
	}
}

// TestRealPython is one that runs what it was found for.
func TestRealPython(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	python, err := process.FindPython(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python.Path, "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])").Output()
	if err != nil || strings.TrimSpace(string(out)) != python.Version {
		t.Errorf("%+v, but it says %q, %v", python, out, err)
	}
}
