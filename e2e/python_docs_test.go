package e2e_test

import (
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"waverider/internal/testhub"
)

// TestExamplesOfThePythonPage runs the programs of docs/python.md and compares
// what they give with what stands below them.
func TestExamplesOfThePythonPage(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	hub, err := testhub.Open(t.Context(), testhub.Options{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hub.Close(); err != nil {
			t.Error(err)
		}
	})
	examples := pythonExamples(t)
	if len(examples) < 8 {
		t.Errorf("only %d examples with their output", len(examples))
	}
	for i, e := range examples {
		t.Run(strconv.Itoa(i+1), func(t *testing.T) { e.run(t, hub) })
	}
}

// pythonExample is a program, and what becomes of an input.
type pythonExample struct {
	code, contentType, input, output string
}

func pythonExamples(t *testing.T) (list []pythonExample) {
	t.Helper()
	page, err := os.ReadFile("../docs/python.md")
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{"text": "text/plain", "json": "application/x-ndjson"}
	block := regexp.MustCompile("```python\n([^`]*)```\n\n```(text|json)\n([^`]*)```")
	for _, m := range block.FindAllStringSubmatch(string(page), -1) {
		e := pythonExample{code: m[1], contentType: types[m[2]]}
		for line := range strings.Lines(m[3]) {
			if input, ok := strings.CutPrefix(line, "> "); ok {
				e.input += input
			} else {
				e.output += line
			}
		}
		list = append(list, e)
	}
	return list
}

func (e pythonExample) run(t *testing.T, hub *testhub.Hub) {
	pkg, err := testhub.PackPython("example", e.code, nil)
	if err != nil {
		t.Fatal(err)
	}
	sequence, err := hub.Upload(t.Context(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	id, err := hub.StartInstance(t.Context(), sequence, testhub.Start{})
	if err != nil {
		t.Fatal(err)
	}
	if e.input != "" {
		in, err := hub.Input(t.Context(), id, e.contentType, -1, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(in, e.input); err != nil {
			t.Fatal(err)
		}
		if err := in.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	out, err := hub.Output(t.Context(), id, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	got, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	// A block ends with a newline, whether the output does or not.
	if strings.TrimSuffix(string(got), "\n") != strings.TrimSuffix(e.output, "\n") {
		t.Errorf("%s\ngave %q, docs/python.md says %q", e.code, got, e.output)
	}
	if end, err := hub.Await(t.Context(), id, testhub.Instance.Ended); err != nil || end.Status != "completed" {
		t.Errorf("%s ended as %q: %v", e.code, end.Status, err)
	}
}
