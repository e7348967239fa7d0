package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// TestMain lets the test binary be one of the floors, as the program is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if floor, ok := floors[os.Args[1]]; ok {
			exit(floor(os.Args[2:]))
		}
	}
	os.Exit(m.Run())
}

func testRig(t *testing.T) *rig {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	g, err := newRig(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.close)
	return g
}

// loop is a duplex whose far end is spoil.
func loop(spoil func([]byte) []byte) *duplex {
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	go func() {
		all, err := io.ReadAll(bufio.NewReaderSize(inR, 1<<20))
		if err == nil {
			_, _ = outW.Write(spoil(all))
		}
		outW.Close()
	}()
	return &duplex{closeAt{inW, 1000}.writer(), outR, 0, func() error { return errors.Join(inW.Close(), outR.Close()) }}
}

// closeAt ends the stream after n bytes.
type closeAt struct {
	w *io.PipeWriter
	n int
}

func (c closeAt) writer() io.Writer { return &c }

func (c *closeAt) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if c.n -= n; c.n <= 0 {
		c.w.Close()
	}
	return n, err
}

func TestTransferNoticesWhatIsNotWhatWasSent(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789"), 100)
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		want  string
	}{
		"right":   {func(p []byte) []byte { return p }, ""},
		"changed": {func(p []byte) []byte { p[500]++; return p }, "not those that were sent"},
		"swapped": {func(p []byte) []byte { p[1], p[2] = p[2], p[1]; return p }, "not those that were sent"},
		"lost":    {func(p []byte) []byte { return p[1:] }, "after 999 of 1000 bytes"},
		"doubled": {func(p []byte) []byte { return append(p, p[0]) }, "1001 bytes came back"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loop(c.spoil).transfer(bytes.Clone(data), true)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("transfer: %v, want %q", err, c.want)
			}
		})
	}
}

func TestFloorsCarryTheSameBytesAsAHub(t *testing.T) {
	g := testRig(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	bare := []string{g.program("bare.js"), g.program("identity.js")}
	for name, c := range map[string]struct {
		open func(context.Context, ...string) (*duplex, error)
		args []string
		data []byte
	}{
		"bare":    {g.relay, nil, textLines(50_000)},
		"relay":   {g.relayDuplex, bare, textLines(50_000)},
		"text":    {g.relayDuplex, append(bare, "text"), textLines(50_000)},
		"pipes":   {g.pipeDuplex, bare, textLines(50_000)},
		"objects": {g.pipeDuplex, []string{g.program("bare-objects.js")}, objectLines(50_000)},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := c.open(ctx, c.args...)
			if err != nil {
				t.Fatal(err)
			}
			defer d.close()
			if err := d.prepare(c.data); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestCheckerNoticesWhatIsNotTheNextRecord(t *testing.T) {
	const n = 50
	data := numbered(100, n)
	if len(data) != n*lineSize || !json.Valid(data[:lineSize]) {
		t.Fatalf("%d bytes, first %q", len(data), data[:lineSize])
	}
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		want  string
	}{
		"right":   {func(p []byte) []byte { return p }, ""},
		"lost":    {func(p []byte) []byte { return slices.Delete(p, 10*lineSize, 11*lineSize) }, "record 111 came where 110 was due"},
		"doubled": {func(p []byte) []byte { return slices.Insert(p, 10*lineSize, p[9*lineSize:10*lineSize]...) }, "record 109 came where 110 was due"},
		"cut":     {func(p []byte) []byte { return slices.Delete(p, 1050, 1051) }, "record 110 came where 110 was due"},
		"short":   {func(p []byte) []byte { return p[:len(p)-1] }, "after 149 of 150 records"},
	} {
		t.Run(name, func(t *testing.T) {
			in := c.spoil(bytes.Clone(data))
			for _, r := range []io.Reader{bytes.NewReader(in), iotest.OneByteReader(bytes.NewReader(in))} {
				err := (&checker{next: 100}).readRecords(r, 100+n)
				if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
					t.Errorf("%v, want %q", err, c.want)
				}
			}
		})
	}
}

func TestWarmFloorRunsTheProgram(t *testing.T) {
	g := testRig(t)
	if d, err := g.timeWarmFloor(t.Context(), "bare-warm.js", "instant.js"); err != nil || d <= 0 {
		t.Errorf("%v, %v", d, err)
	}
}

func TestLinesAre100BytesAndSurviveJSON(t *testing.T) {
	for i, line := range bytes.SplitAfter(objectLines(2000), []byte("\n")) {
		if i == 2000 {
			break
		}
		var v struct {
			ID    int            `json:"id"`
			Level float64        `json:"level"`
			On    bool           `json:"on"`
			Tags  []string       `json:"tags"`
			Place map[string]int `json:"place"`
			Note  string         `json:"note"`
		}
		if err := json.Unmarshal(line, &v); err != nil || len(line) != lineSize {
			t.Fatalf("line %d has %d bytes, %v: %s", i, len(line), err, line)
		}
	}
	if n := len(textLines(7)); n != 7*lineSize {
		t.Errorf("7 text lines have %d bytes", n)
	}
}

func TestVerdicts(t *testing.T) {
	for name, c := range map[string]struct {
		f                           figure
		absolute, relative, overall verdict
	}{
		"less, met":            {figure{Value: 9, Goal: 10}, pass, none, pass},
		"less, missed":         {figure{Value: 11, Goal: 10, Limit: 5}, short, none, short},
		"more, met":            {figure{Value: 11, Goal: 10, More: true}, pass, none, pass},
		"more, missed":         {figure{Value: 9, Goal: 10, More: true}, short, none, short},
		"the ratio decides":    {figure{Value: 9, Goal: 10, More: true, Limit: 9, RatioGoal: 1}, short, pass, pass},
		"also against":         {figure{Value: 11, Goal: 10, More: true, Limit: 20, RatioGoal: 0.8}, pass, short, short},
		"limit and slack":      {figure{Value: 70, Limit: 51, Slack: 20}, none, pass, pass},
		"slack used up":        {figure{Value: 72, Limit: 51, Slack: 20}, none, short, short},
		"no limit, ratio goal": {figure{Value: 11, Goal: 10, More: true, RatioGoal: 1}, pass, none, pass},
	} {
		if a, r, o := c.f.absolute(), c.f.relative(), c.f.overall(); a != c.absolute || r != c.relative || o != c.overall {
			t.Errorf("%s: %s, %s, %s; want %s, %s, %s", name, a, r, o, c.absolute, c.relative, c.overall)
		}
	}
}

func TestAHungRowFailsAlone(t *testing.T) {
	res := measure(t.Context(), nil, row{name: "hangs", deadline: 10 * time.Millisecond,
		run: func(ctx context.Context, _ *rig) ([]figure, error) {
			<-ctx.Done()
			return []figure{{Name: "had before"}}, ctx.Err()
		}})
	if res.Error == "" || len(res.Figures) != 1 {
		t.Errorf("result: %+v", res)
	}
	var out bytes.Buffer
	report{Rows: []result{res}}.print(&out)
	if !strings.Contains(out.String(), "hangs") || !strings.Contains(out.String(), "FAILED") {
		t.Errorf("report:\n%s", &out)
	}
}

func TestQuantities(t *testing.T) {
	for v, want := range map[float64]string{1234567.4: "1,234,567 /s", 0.1234: "0.123 /s", 2000000: "2,000,000 /s", 45.67: "45.7 /s", 123.4: "123 /s"} {
		if got := quantity(v, "/s"); got != want {
			t.Errorf("quantity(%v) = %q, want %q", v, got, want)
		}
	}
}
