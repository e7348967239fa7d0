package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"waverider"
	"waverider/client"
)

// table is a result for people. Columns from wide on show with -o wide only.
type table struct {
	head []string
	rows [][]string
	wide int  // 0: all columns always
	one  bool // of one thing, whose values may be of several lines
}

// show prints a result in the form the user chose. names are the ids for
// -o name, tab builds the table.
func (a *app) show(value any, names []string, tab func() table) error {
	switch a.output {
	case "json":
		return a.showJSON(value)
	case "yaml":
		return a.showYAML(value)
	case "name":
		for _, n := range names {
			if _, err := fmt.Fprintln(a.out, n); err != nil {
				return err
			}
		}
		return nil
	}
	return a.showTable(tab())
}

func (a *app) showJSON(value any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(value)
}

// showYAML goes through JSON, which is YAML already: names and order stay.
func (a *app) showYAML(value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("show as YAML: %w", err)
	}
	plainStyle(&doc)
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return fmt.Errorf("show as YAML: %w", err)
	}
	_, err = a.out.Write(buf.Bytes())
	return err
}

func plainStyle(n *yaml.Node) {
	n.Style &^= yaml.FlowStyle
	if n.Tag == "!!str" || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
		n.Style &^= yaml.DoubleQuotedStyle // the encoder quotes what needs it
	}
	for _, c := range n.Content {
		plainStyle(c)
	}
}

func (a *app) showTable(t table) error {
	columns := len(t.head)
	if t.wide > 0 && a.output != "wide" {
		columns = t.wide
	}
	for _, row := range t.rows {
		for i, cell := range row {
			if row[i] = plain(cell); !t.one {
				row[i] = plainLine(cell)
			}
		}
	}
	widths := make([]int, columns)
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i := range widths {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var b strings.Builder
	line := func(row []string, color bool) {
		for i, width := range widths {
			cell := row[i]
			pad := width - utf8.RuneCountInString(cell)
			if color {
				cell = a.color(cell)
			}
			b.WriteString(cell)
			if i < columns-1 {
				b.WriteString(strings.Repeat(" ", pad+2))
			}
		}
		b.WriteByte('\n')
	}
	line(t.head, false)
	for _, row := range t.rows {
		line(row, true)
	}
	_, err := io.WriteString(a.out, b.String())
	return err
}

// color paints the words that a reader looks for.
func (a *app) color(word string) string {
	var code string
	switch word {
	case client.HubConnected:
		code = "32" // green
	case client.HubRevoked:
		code = "31" // red
	case client.HubAway:
		code = "33" // yellow
	}
	switch waverider.Status(word) {
	case waverider.StatusRunning:
		code = "32" // green
	case waverider.StatusErrored:
		code = "31" // red
	case waverider.StatusStarting, waverider.StatusStopping, waverider.StatusKilling,
		waverider.StatusRestarting, waverider.StatusInitializing:
		code = "33" // yellow
	}
	return a.paint(code, word)
}

func (a *app) paint(code, word string) string {
	if code == "" || a.noColor || !isTerminal(a.out) {
		return word
	}
	return "\x1b[" + code + "m" + word + "\x1b[0m"
}

// fields is a table of one thing: a name and a value a row.
func fields(pairs ...string) table {
	t := table{head: []string{"FIELD", "VALUE"}, one: true}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			t.rows = append(t.rows, []string{pairs[i], pairs[i+1]})
		}
	}
	return t
}

// id answers a command that made or changed one thing: its id alone, so that
// scripts can take it.
func (a *app) id(id string) error {
	value := map[string]string{"id": id}
	if a.output == "json" {
		return a.showJSON(value)
	}
	if a.output == "yaml" {
		return a.showYAML(value)
	}
	_, err := fmt.Fprintln(a.out, plainLine(id)) // a Space, too, is somebody else
	return err
}

func age(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	d := time.Since(t)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours())/24)
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// size of something in bytes, as people say it.
func size(n float64) string {
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		if n < 1000 {
			if unit == "B" {
				return fmt.Sprintf("%.0f B", n)
			}
			return fmt.Sprintf("%.1f %s", n, unit)
		}
		n /= 1000
	}
	return fmt.Sprintf("%.1f TB", n)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
