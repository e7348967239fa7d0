package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"waverider/tty"
)

// span is text in one style, line a row of spans.
type span struct{ style, words string }

type line []span

func (l line) text() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.words)
	}
	return b.String()
}

// paint is the line in colours, cut to width.
func (l line) paint(t tty.Terminal, width int) string {
	var b strings.Builder
	for _, s := range l {
		words := []rune(s.words)
		if len(words) > width {
			words = words[:width]
		}
		width -= len(words)
		b.WriteString(t.Paint(s.style, string(words)))
	}
	return b.String()
}

// row is a line of the picture.
type row struct {
	line
	rank int // the higher, the sooner it is left out where there is no room; 0: never
}

// Ranks of rows.
const (
	rankFrame = iota + 1 // empty lines between blocks
	rankEvent            // what happened a while ago
	rankSpare
	rankTop  // the empty line above all
	rankNext // what to try in another terminal
)

func rows(lines ...line) []row {
	out := make([]row, len(lines))
	for i, l := range lines {
		out[i].line = l
	}
	return out
}

const (
	labelWidth  = 13
	numberWidth = 12
	margin      = "  "
)

// picture is the whole display.
func (s *display) picture(now time.Time, width int) []row {
	gap := row{rank: rankFrame}
	out := []row{{rank: rankTop}, {line: s.title(now, width)}, gap}
	out = append(append(out, s.placeRows(now, width)...), gap)
	out = append(out, rows(s.linkLine(now), s.checkLine())...)
	out = append(append(out, gap), s.figureTable(width)...)
	out = append(append(out, gap), row{line: s.alertLine(now)})
	out = append(append(out, s.keyLines()...), gap)
	out = append(out, s.eventRows()...)
	if more := s.next(width); len(more) > 0 {
		for i := range more {
			more[i].rank = rankNext
		}
		out = append(append(out, row{rank: rankNext}), more...)
	}
	return out
}

// fit makes a picture as high as there is room.
func fit(picture []row, height int) []row {
	for len(picture) > max(height, 1) {
		out := len(picture) - 1
		for i := out; i >= 0; i-- {
			if picture[i].rank > picture[out].rank {
				out = i
			}
		}
		picture = slices.Delete(picture, out, out+1)
	}
	return picture
}

// title says what this is, and for how long the demo runs.
func (s *display) title(now time.Time, width int) line {
	elapsed := now.Sub(s.began).Truncate(time.Second)
	clock := fmt.Sprintf("%02d:%02d", int(elapsed.Minutes()), int(elapsed.Seconds())%60)
	name, what := "Waverider demo", "   a Space and two Hubs on this machine, a process each"
	room := width - len(margin) - len(name) - len(clock) - 2
	if len(what) > room {
		what = ""
	}
	return line{{"", margin}, {tty.Bold, name}, {"", pad(what, room) + " "}, {tty.Dim, clock}}
}

// columns of the figures, the one to do without last.
var columns = []struct {
	name string
	of   func(rolled) float64
}{
	{"now", func(r rolled) float64 { return r.Last }},
	{"mean", func(r rolled) float64 { return r.Mean }},
	{"p95", func(r rolled) float64 { return r.P95 }},
	{"max", func(r rolled) float64 { return r.Max }},
}

// figureTable shows as many columns as there is room for: half a number misleads.
func (s *display) figureTable(width int) []row {
	room := width - len(margin) - labelWidth
	shown := columns[:min(max(room/numberWidth, 1), len(columns))]
	chartHead := margin + fmt.Sprintf("last %d s", windowSeconds)
	bars := min(room-len(shown)*numberWidth-len(margin)-1, samples)
	if bars < len(chartHead)-len(margin) {
		bars, chartHead = 0, ""
	}
	head := margin + pad("", labelWidth)
	for _, c := range shown {
		head += padLeft(c.name, numberWidth)
	}
	out := rows(line{{tty.Dim, head + chartHead}})
	for _, f := range figures {
		label, bar := "", tty.Cyan
		if _, on := s.raised[f.pointer]; on {
			label, bar = tty.Red, tty.Red
		}
		l := line{{label, margin + pad(f.label, labelWidth)}}
		style := tty.Bold
		for _, c := range shown {
			l = append(l, span{style, padLeft(s.value(f, c.of), numberWidth)})
			style = ""
		}
		r := row{line: append(l, span{"", margin}, span{bar, chart(s.history[f.pointer], f.full, bars)})}
		if f.spare {
			r.rank = rankSpare
		}
		out = append(out, r)
	}
	return out
}

func (s *display) alertLine(now time.Time) line {
	if s.last.At == 0 {
		return line{{tty.Dim, margin + "waiting for the first reading"}}
	}
	var parts []string
	for _, f := range figures {
		if a, on := s.raised[f.pointer]; on {
			parts = append(parts, fmt.Sprintf("%s is high since %s", f.label, max(now.Sub(time.UnixMilli(a.At)), 0).Round(time.Second)))
		}
	}
	if len(parts) == 0 {
		return line{{tty.Green, margin + "● no alert is on"}}
	}
	return line{{tty.Red, margin + "● " + strings.Join(parts, ", ")}}
}

// eventRows are what happened, the newest first.
func (s *display) eventRows() (out []row) {
	for i := len(s.events) - 1; i >= 0; i-- {
		e := s.events[i]
		r := row{line: line{{tty.Dim, margin + e.at.Format(time.TimeOnly) + "  "}, {e.style, e.what}}}
		if len(out) >= 3 {
			r.rank = rankEvent
		}
		out = append(out, r)
	}
	return out
}

// address is the Hub's without the path that clients add by themselves.
func address(url string) string { return strings.TrimSuffix(url, "/api/v1") }

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0)) + s
}
