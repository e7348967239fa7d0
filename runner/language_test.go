package runner_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/runner"
)

// language is one interpreter with its runner.
type language struct {
	name string // "node", "python3.11"
	argv []string
	file string // the main file of a program
}

func (l language) python() bool { return l.file == "main.py" }

// languages are all that are installed here, looked for once.
var languages = sync.OnceValue(func() []language {
	list := pythons()
	if node, err := exec.LookPath("node"); err == nil {
		installed, err := runner.InstallNode(runners())
		if err != nil {
			panic(err)
		}
		list = append(list, language{name: "node", argv: []string{node, installed.Main}, file: "index.js"})
	}
	return list
})

// pythons are those on PATH, and those that WAVERIDER_PYTHONS lists.
func pythons() (list []language) {
	names := []string{"python3"}
	for minor := 9; minor <= 14; minor++ {
		names = append(names, fmt.Sprintf("python3.%d", minor))
	}
	seen := map[string]bool{}
	for _, name := range append(filepath.SplitList(os.Getenv("WAVERIDER_PYTHONS")), names...) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		out, err := exec.CommandContext(ctx, name, "-I", "-S", "-c",
			"import os, sys; print(os.path.realpath(sys.executable)); print('python%d.%d' % sys.version_info[:2]); assert sys.version_info >= (3, 9)").Output()
		cancel()
		path, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err != nil || seen[version] {
			continue
		}
		seen[version] = true
		main, err := runner.InstallPython(context.Background(), runners(), path)
		if err != nil {
			panic(err)
		}
		argv := append([]string{path}, runner.PythonFlags...)
		list = append(list, language{name: version, argv: append(argv, main), file: "main.py"})
	}
	return list
}

// runners is where the runners are laid out; TestMain removes it.
var runners = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "runners")
	if err != nil {
		panic(err)
	}
	return dir
})

// eachLanguage runs test with every runner there is.
func eachLanguage(t *testing.T, test func(t *testing.T, l language)) {
	languagesThat(t, func(language) bool { return true }, test)
}

func eachPython(t *testing.T, test func(t *testing.T, l language)) {
	languagesThat(t, language.python, test)
}

func languagesThat(t *testing.T, fit func(language) bool, test func(t *testing.T, l language)) {
	t.Parallel()
	found := false
	for _, l := range languages() {
		if fit(l) {
			found = true
			t.Run(l.name, func(t *testing.T) {
				t.Parallel()
				test(t, l)
			})
		}
	}
	if !found {
		t.Skip("no interpreter is installed")
	}
}

// source is a program in both languages.
type source struct{ node, python string }

func (s source) in(l language) string {
	if l.python() {
		return dedent(s.python)
	}
	return s.node
}

// dedent takes away the indentation of the first line that has text from all.
func dedent(text string) string {
	text = strings.TrimLeft(text, "\n")
	indent := text[:len(text)-len(strings.TrimLeft(text, "\t"))]
	return strings.TrimPrefix(strings.ReplaceAll("\n"+text, "\n"+cmp.Or(indent, "\x00"), "\n"), "\n")
}
