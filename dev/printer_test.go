package dev

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"waverider/tty"
)

// shown is what the printer makes of pieces of a stream, without the times.
func shown(t *testing.T, name string, pieces ...string) string {
	t.Helper()
	var b bytes.Buffer
	out := newPrinter(&b, tty.Terminal{}).stream(name)
	for _, p := range pieces {
		if _, err := out.Write([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(b.String()) {
		lines = append(lines, strings.TrimSpace(line[len("15:04:05"):]))
	}
	return strings.Join(lines, "|")
}

func TestStreamsAreCutIntoLines(t *testing.T) {
	for name, c := range map[string]struct {
		pieces []string
		want   string
	}{
		"whole lines":       {[]string{"a\nb\n"}, "output │ a|output │ b"},
		"a line in pieces":  {[]string{"a", "b", "c\nd"}, "output │ abc|output │ d"},
		"an empty line":     {[]string{"a\n\nb\n"}, "output │ a|output │|output │ b"},
		"line ends of DOS":  {[]string{"a\r\nb\r\n"}, "output │ a|output │ b"},
		"bytes":             {[]string{"\xff\xfe\xfd\n"}, "output │ ‹3 bytes that are no text›"},
		"control letters":   {[]string{"a\x07b\x00\n"}, "output │ a·b·"},
		"nothing":           {nil, ""},
		"letters in pieces": {[]string{"\xc3", "\xa4\n"}, "output │ ä"},
	} {
		if got := shown(t, nameOutput, c.pieces...); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	long := shown(t, nameOutput, strings.Repeat("x", lineMost+5))
	if strings.Count(long, "│") != 2 || strings.Count(long, "x") != lineMost+5 {
		t.Errorf("a long line: %d letters in %d lines", strings.Count(long, "x"), strings.Count(long, "│"))
	}
}

func TestStacksPointIntoTheFolder(t *testing.T) {
	const hub = "/var/lib/waverider/"
	const digest = "sha256-b123c3c9a846ad86c8d193ccca23ca570cdab489e53c2afa055d650e311a8340"
	stack := "Error: no\n    at boom (file://" + hub + "packages/" + digest + "/package/lib/boom.js:1:32)\n" +
		"    at produce (" + hub + "run/runners/565502e8e7254d90/produce.js:37:5)\n    at next (<anonymous>)\n"
	want := "stderr │ Error: no|stderr │     at boom (lib/boom.js:1:32)|stderr │     at next (<anonymous>)"
	if got := shown(t, "stderr", stack); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLogEntriesAreReadable(t *testing.T) {
	for line, want := range map[string]string{
		`{"level":"INFO","msg":"up","data":[{"a":1},2]}`:                                 `log │ INFO  up {"a":1} 2`,
		`{"level":"ERROR","msg":"bad","data":[{"message":"why","stack":"E\n    at x"}]}`: `log │ ERROR bad: why|log │       E|log │           at x`,
		`{"level":"FATAL","msg":"why","data":[{"message":"why","stack":"E\n    at x"}]}`: `log │ FATAL why`,
		`no entry`: `log │ no entry`,
	} {
		if got := shown(t, "log", line+"\n"); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestLineWithoutEndIsShownAfterAWhile(t *testing.T) {
	s := newScreen()
	out := newPrinter(s, tty.Terminal{}).stream("stdout")
	if _, err := out.Write([]byte("prompt> ")); err != nil {
		t.Fatal(err)
	}
	s.until(t, "prompt> ")
	if _, err := out.Write([]byte("answer\n")); err != nil {
		t.Fatal(err)
	}
	s.until(t, "│ answer")
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestNothingIsWrittenAfterTheEnd(t *testing.T) {
	var b bytes.Buffer
	p := newPrinter(&b, tty.Terminal{})
	p.fault("what", errors.New("two\nlines"))
	before := b.String()
	if strings.Count(before, "\n") != 2 || !strings.Contains(before, "what: two") {
		t.Errorf("got %q", before)
	}
	p.close()
	p.say("late")
	if b.String() != before {
		t.Errorf("got %q", b.String())
	}
}
