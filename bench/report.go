package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
)

// result is what one row gave.
type result struct {
	Row     string   `json:"row"`
	Figures []figure `json:"figures,omitempty"`
	Error   string   `json:"error,omitempty"`
	Seconds float64  `json:"seconds"`
	Load    string   `json:"load"` // of the machine after the row
}

type report struct {
	Machine string   `json:"machine"`
	Rows    []result `json:"rows"`
}

func (r result) progress(w io.Writer) {
	fmt.Fprintf(w, "%-8s %5.1f s, load %s", r.Row, r.Seconds, r.Load)
	if r.Error != "" {
		fmt.Fprintf(w, "  FAILED: %s", r.Error)
	}
	fmt.Fprintln(w)
}

// print writes the table: one line a figure, with both verdicts. A failed row
// keeps the figures it had before it failed.
func (r report) print(w io.Writer) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tMEASURED\tGOAL\t\tLIMIT IN THIS RUN\tRATIO\tRATIO GOAL\t")
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			fmt.Fprintln(t, f.line())
		}
		if row.Error != "" {
			fmt.Fprintf(t, "%s\tFAILED: %s\n", row.Row, firstLine(row.Error))
		}
	}
	_ = t.Flush() // w is a terminal or a pipe: nothing to do about it
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			if f.Note != "" {
				fmt.Fprintf(w, "  %s: %s\n", f.Name, f.Note)
			}
		}
	}
	r.summary(w)
}

func (f figure) line() string {
	goal, limit, ratio := "", "", ""
	if f.Goal != 0 {
		sign := "<="
		if f.More {
			sign = ">="
		}
		goal = sign + " " + quantity(f.Goal, f.Unit)
	}
	if f.Limit != 0 {
		limit = quantity(f.Limit, f.Unit) + " " + f.LimitName
		ratio = fmt.Sprintf("%.2f", f.ratio())
	}
	return strings.Join([]string{f.Name, quantity(f.Value, f.Unit), goal, string(f.absolute()),
		limit, ratio, f.relativeGoal(), string(f.relative())}, "\t")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func (r report) summary(w io.Writer) {
	count := map[verdict]int{}
	var missed []string
	for _, row := range r.Rows {
		for _, f := range row.Figures {
			count[f.overall()]++
			if f.overall() == short {
				missed = append(missed, f.Name)
			}
		}
	}
	fmt.Fprintf(w, "\n%d PASS, %d SHORT, %d rows failed (where there is a ratio goal it decides)\n",
		count[pass], count[short], r.broken())
	if len(missed) > 0 {
		fmt.Fprintf(w, "short: %s\n", strings.Join(missed, "; "))
	}
}

func (r report) broken() (n int) {
	for _, row := range r.Rows {
		if row.Error != "" {
			n++
		}
	}
	return n
}

func (r report) save(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// machine says what the figures were taken on.
func machine() string {
	node, err := exec.Command("node", "--version").Output()
	if err != nil {
		node = []byte("no node")
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s/%s, %d cores, kernel %s, node %s, load %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(),
		strings.TrimSpace(string(kernel)), strings.TrimSpace(string(node)), load())
}

func load() string {
	text, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
