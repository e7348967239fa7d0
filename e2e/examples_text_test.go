package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const examples = "../examples"

// exampleFolders are the names of all examples.
func exampleFolders(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(examples)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && e.Name() != "node_modules" {
			names = append(names, e.Name())
		}
	}
	return names
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var exampleRow = regexp.MustCompile(`(?m)^\| \[([a-z0-9-]+)\]\(([a-z0-9-]+)\) \| (\w+) \| (\w+) \| [^|]+ \|$`)

// The table has each example, with its language.
func TestExamplesAreListed(t *testing.T) {
	listed := map[string]string{}
	for _, row := range exampleRow.FindAllStringSubmatch(read(t, examples, "README.md"), -1) {
		if row[1] != row[2] {
			t.Errorf("%s leads to %s", row[1], row[2])
		}
		listed[row[1]] = row[3]
	}
	folders := exampleFolders(t)
	for _, name := range folders {
		if got, want := listed[name], languageOf(t, name); got != want {
			t.Errorf("examples/README.md says of %s %q, it is %s", name, got, want)
		}
	}
	if len(listed) != len(folders) {
		t.Errorf("examples/README.md lists %d examples, there are %d", len(listed), len(folders))
	}
}

func languageOf(t *testing.T, name string) string {
	t.Helper()
	var manifest struct {
		Name    string
		Engines map[string]string
		Scripts map[string]string
	}
	if err := json.Unmarshal([]byte(read(t, examples, name, "package.json")), &manifest); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if manifest.Name != name {
		t.Errorf("the package in %s is called %s", name, manifest.Name)
	}
	switch {
	case manifest.Engines["python3"] != "":
		return "Python"
	case manifest.Scripts["build"] != "":
		return "TypeScript"
	default:
		return "JavaScript"
	}
}

// Each README fits on a screen and has the same parts.
func TestExamplesAreExplained(t *testing.T) {
	const screen = 55 // lines
	for _, name := range exampleFolders(t) {
		text := read(t, examples, name, "README.md")
		if n := strings.Count(text, "\n"); n > screen {
			t.Errorf("README.md of %s has %d lines, want %d at most", name, n, screen)
		}
		for _, part := range []string{"# " + name + "\n", "\n**What it shows.** ", "\n**What to change.** "} {
			if !strings.Contains(text, part) {
				t.Errorf("README.md of %s has no %q", name, strings.TrimSpace(part))
			}
		}
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(examples, name, l[1])); err != nil {
				t.Errorf("README.md of %s: %v", name, err)
			}
		}
	}
}

var (
	spoken = regexp.MustCompile("(?m)(?:^|`)waverider((?: [a-z]+)+)([^\n`]*)")
	flag   = regexp.MustCompile(`(?:^| )(--[a-z-]+)`)
)

// Every command that is named, within a sentence too, is one, with its flags.
func TestExamplesNameRealCommands(t *testing.T) {
	text := read(t, examples, "README.md")
	for _, name := range exampleFolders(t) {
		text += read(t, examples, name, "README.md")
	}
	text = strings.ReplaceAll(text, "\\\n", "")
	help := map[string]string{}
	for _, m := range spoken.FindAllStringSubmatch(text, -1) {
		words := strings.Fields(m[1])
		words = words[:min(len(words), 2)]
		if slices.Contains([]string{"hub", "init", "dev", "demo", "config", "doctor"}, words[0]) {
			words = words[:1]
		}
		command := strings.Join(words, " ")
		if _, asked := help[command]; !asked {
			out, err := exec.Command(binary, append(words, "--help")...).Output()
			if err != nil || !strings.Contains(string(out), "\n  waverider "+command+" ") {
				t.Errorf("waverider %s is no command: %v", command, err)
			}
			help[command] = string(out)
		}
		for _, f := range flag.FindAllStringSubmatch(m[2], -1) {
			if !strings.Contains(help[command], " "+f[1]+" ") {
				t.Errorf("waverider %s has no flag %s", command, f[1])
			}
		}
	}
	if len(help) < 10 {
		t.Errorf("only %d commands are named", len(help))
	}
}
