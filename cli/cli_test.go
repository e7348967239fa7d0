package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func TestEverySortOfErrorHasItsExitCode(t *testing.T) {
	kind := func(k waverider.Kind) error { return waverider.Errorf(k, "x") }
	for want, errs := range map[int][]error{
		exitError:       {errors.New("x"), kind(waverider.Invalid), kind(waverider.Internal), kind(waverider.Overloaded), kind(waverider.Full), kind(waverider.Unavailable)},
		exitUsage:       {usage("x"), fmt.Errorf("seen: %w", usage("x"))},
		exitNotFound:    {kind(waverider.NotFound), kind(waverider.Gone), &hinted{kind(waverider.NotFound), "hint"}},
		exitConflict:    {kind(waverider.Conflict)},
		exitDenied:      {kind(waverider.Unauthorized), kind(waverider.Forbidden)},
		exitUnreachable: {&client.UnreachableError{URL: "x", Err: io.EOF}},
		exitTimeout:     {kind(waverider.Timeout), context.DeadlineExceeded},
		42:              {&programExit{code: 42}},
	} {
		for _, err := range errs {
			if got := exitCode(err); got != want {
				t.Errorf("%#v: %d, want %d", err, got, want)
			}
		}
	}
}

func TestSinceIsADurationOrATime(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"":                     {},
		"10m":                  now.Add(-10 * time.Minute),
		"2026-05-04T11:00:00Z": now.Add(-time.Hour),
		"2026-05-04":           time.Date(2026, 5, 4, 0, 0, 0, 0, time.Local),
		"2026-05-04 10:00:00":  time.Date(2026, 5, 4, 10, 0, 0, 0, time.Local),
	} {
		f := logFlags{since: text}
		if got, err := f.from(now); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	f := logFlags{since: "soon"}
	if _, err := f.from(now); exitCode(err) != exitUsage {
		t.Errorf("soon: %v", err)
	}
}

// entries is a log of n lines, one a second.
func entries(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"level":"INFO","msg":"m%d","ts":%d}`+"\n", i, 1000*(i+1))
	}
	return b.String()
}

func TestLogPrinterCountsFromTheEndAndThenFollows(t *testing.T) {
	for name, c := range map[string]struct {
		tail        int
		since       int64
		first, rest string
		want        string
	}{
		"all":             {-1, 0, entries(3), "", "m0 m1 m2"},
		"tail":            {2, 0, entries(3), "", "m1 m2"},
		"tail of nothing": {2, 0, "", entries(1), "m0"},
		"none, then more": {0, 0, entries(3), entries(1), "m0"},
		"since":           {-1, 2000, entries(3), "", "m1 m2"},
		"since and tail":  {1, 2000, entries(3), entries(2), "m2 m1"},
		// What is there may end within a line, which the rest completes.
		"cut line": {-1, 0, entries(2)[:len(entries(2))-10], entries(2)[len(entries(2))-10:], "m0 m1"},
	} {
		var out bytes.Buffer
		p := &logPrinter{app: &app{out: &out, output: "json"}, tail: c.tail}
		if c.since > 0 {
			p.since = time.UnixMilli(c.since)
		}
		n, err := p.read(t.Context(), io.NopCloser(strings.NewReader(c.first)))
		if err != nil || n != int64(len(c.first)) {
			t.Errorf("%s: read %d of %d, %v", name, n, len(c.first), err)
		}
		if err := p.flushTail(); err != nil {
			t.Error(err)
		}
		if _, err := p.read(t.Context(), io.NopCloser(strings.NewReader(c.rest))); err != nil {
			t.Error(err)
		}
		var got []string
		for _, line := range strings.Fields(out.String()) {
			var e struct{ Msg string }
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Errorf("%s: %q: %v", name, line, err)
			}
			got = append(got, e.Msg)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestLogEntriesAreReadable(t *testing.T) {
	a := &app{out: io.Discard}
	at := time.UnixMilli(1000).Format("15:04:05.000")
	for line, want := range map[string]string{
		`{"level":"INFO","msg":"hello","ts":1000,"from":"Sequence","data":[{"a":1},"b"]}`: at + ` INFO  hello {"a":1} "b"`,
		`{"level":"WARN","msg":"m","ts":1000,"path":"/a b","id":"x","n":5}`:               at + ` WARN  m path="/a b" id=x n=5`,
		"not JSON at all": "not JSON at all",
	} {
		if got := strings.TrimSuffix(a.prettyLog([]byte(line+"\n")), "\n"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestTableIsAlignedAndHidesWideColumns(t *testing.T) {
	tab := table{head: []string{"ID", "NAME", "MORE"}, rows: [][]string{{"1", "übel", "x"}, {"22", "b", "y"}}, wide: 2}
	for output, want := range map[string]string{
		"table": "ID  NAME\n1   übel\n22  b\n",
		"wide":  "ID  NAME  MORE\n1   übel  x\n22  b     y\n",
	} {
		var out bytes.Buffer
		a := &app{out: &out, output: output}
		if err := a.showTable(tab); err != nil || strings.ReplaceAll(out.String(), " \n", "\n") != want {
			t.Errorf("%s, %v:\n%s", output, err, out.String())
		}
	}
}

func TestYAMLKeepsOrderAndTypes(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	const text = `{"z":"plain","a":{"n":1,"s":"1","t":"true","e":"","list":[1,"x"]},"m":"two\nlines","none":null}`
	if err := a.showYAML(json.RawMessage(text)); err != nil {
		t.Fatal(err)
	}
	want := "z: plain\na:\n  n: 1\n  s: \"1\"\n  t: \"true\"\n  e: \"\"\n  list:\n    - 1\n    - x\nm: |-\n  two\n  lines\nnone: null\n"
	if out.String() != want {
		t.Errorf("%s\nwant\n%s", out.String(), want)
	}
}

func TestStartFlagsAreCheckedBeforeAnythingIsSent(t *testing.T) {
	for name, c := range map[string]struct {
		f     startFlags
		words []string
		args  string
		bad   bool
	}{
		"words":           {startFlags{}, []string{"a", "1"}, `["a","1"]`, false},
		"json":            {startFlags{args: ` [1, "x"]`}, nil, `[1, "x"]`, false},
		"both":            {startFlags{args: `[1]`}, []string{"a"}, "", true},
		"object":          {startFlags{args: `{}`}, nil, "", true},
		"broken":          {startFlags{args: `[1`}, nil, "", true},
		"config, a list":  {startFlags{config: `[]`}, nil, "", true},
		"config, no file": {startFlags{config: "@/does/not/exist"}, nil, "", true},
	} {
		req, err := c.f.request(c.words)
		if (err != nil) != c.bad || !c.bad && string(req.Args) != c.args {
			t.Errorf("%s: %s, %v", name, req.Args, err)
		}
	}
}

func TestEveryCommandTeaches(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.Name() == "completion" || cmd.Name() == "help" {
			return
		}
		if cmd.Short == "" {
			t.Errorf("%s says nothing of itself", cmd.CommandPath())
		}
		if cmd.RunE != nil && !cmd.HasSubCommands() && cmd.Example == "" && cmd.Name() != "version" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(New(Options{}))
}
