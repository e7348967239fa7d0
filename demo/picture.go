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

const (
	labelWidth  = 13
	numberWidth = 12
	margin      = "  "
)

// picture is the whole display.
func (s *display) picture(now time.Time, width int) []line {
	out := append(s.head(now, width), s.table(width)...)
	out = append(out, line{}, s.alertLine(now))
	if s.note != "" && now.Sub(s.noted) < time.Minute {
		out = append(out, line{{tty.Dim, margin + s.noted.Format(time.TimeOnly) + "  "}, {"", s.note}})
	} else {
		out = append(out, line{})
	}
	out = append(out, line{})
	return append(out, s.next(width)...)
}

// fit makes a picture as high as there is room: empty lines go first, from the
// end on.
func fit(picture []line, height int) []line {
	for i := len(picture) - 1; i >= 0 && len(picture) > height; i-- {
		if len(picture[i]) == 0 {
			picture = slices.Delete(picture, i, i+1)
		}
	}
	return picture[:min(len(picture), max(height, 1))]
}

func (s *display) head(now time.Time, width int) []line {
	elapsed := now.Sub(s.began).Truncate(time.Second)
	clock := fmt.Sprintf("%02d:%02d", int(elapsed.Minutes()), int(elapsed.Seconds())%60)
	title := "Waverider demo"
	hub := fmt.Sprintf("   Hub at %s", address(s.hub.URL()))
	if pid := s.hub.PID(); pid != 0 {
		hub += fmt.Sprintf(", pid %d", pid)
	} else {
		hub += ", coming back"
	}
	gap := max(width-len(margin)-len(title)-len(hub)-len(clock)-1, 1)
	return []line{
		{},
		{{"", margin}, {tty.Bold, title}, {"", hub + strings.Repeat(" ", gap)}, {tty.Dim, clock}},
		{{tty.Dim, margin + "machine-figures "}, {tty.Cyan, "━━▶"}, {tty.Dim, " rolling-stats "}, {tty.Cyan, "━━▶"},
			{tty.Dim, fmt.Sprintf(" here   %d readings", s.readings)}},
		{},
	}
}

// columns of the table, the one to do without last.
var columns = []struct {
	name string
	of   func(rolled) float64
}{
	{"now", func(r rolled) float64 { return r.Last }},
	{"mean", func(r rolled) float64 { return r.Mean }},
	{"p95", func(r rolled) float64 { return r.P95 }},
	{"max", func(r rolled) float64 { return r.Max }},
}

// table shows as many columns as there is room for: half a number misleads.
func (s *display) table(width int) []line {
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
	out := []line{{{tty.Dim, head + chartHead}}}
	for _, f := range figures {
		label, bar := "", tty.Cyan
		if s.alerted(f.pointer) {
			label, bar = tty.Red, tty.Red
		}
		row := line{{label, margin + pad(f.label, labelWidth)}}
		style := tty.Bold
		for _, c := range shown {
			row = append(row, span{style, padLeft(s.value(f, c.of), numberWidth)})
			style = ""
		}
		out = append(out, append(row, span{"", margin}, span{bar, chart(s.history[f.pointer], f.full, bars)}))
	}
	return out
}

func (s *display) alerted(pointer string) bool {
	for _, a := range s.last.Alerts {
		if a.Figure == pointer {
			return true
		}
	}
	return false
}

func (s *display) alertLine(now time.Time) line {
	if s.readings == 0 {
		return line{{tty.Dim, margin + "waiting for the first reading"}}
	}
	if len(s.last.Alerts) == 0 {
		return line{{tty.Green, margin + "● no alerts"}}
	}
	var parts []string
	for _, a := range s.last.Alerts {
		since := now.Sub(time.UnixMilli(a.Since)).Round(time.Second)
		parts = append(parts, fmt.Sprintf("%s is high since %s", labelOf(a.Figure), since))
	}
	return line{{tty.Red, margin + "● " + strings.Join(parts, ", ")}}
}

// next is what to try meanwhile, with the real names. What a command is for is
// left out where there is no room.
func (s *display) next(width int) []line {
	call := program()
	command := func(words, what string) line {
		l := line{{"", margin + margin + pad(words, 38)}, {tty.Dim, "  # " + what}}
		if utf8.RuneCountInString(l.text()) > width {
			return l[:1]
		}
		return l
	}
	out := []line{
		{{tty.Dim, margin + "Try in another terminal:"}},
		{{"", margin + margin + "export WAVERIDER_URL=" + address(s.hub.URL())}},
		command(call+" inst list", "both programs"),
		command(call+" inst output "+short(s.ids.stats), "the records behind this picture"),
		command(call+" inst logs "+short(s.ids.stats)+" -f", "alerts, as the program tells them"),
		command(call+" inst health "+short(s.ids.figures), "what a program uses"),
	}
	if pid := s.hub.PID(); pid != 0 {
		out = append(out, command(fmt.Sprintf("kill -9 %d", pid), "it comes back, its programs run on"))
	}
	if s.terminal.Is() {
		out = append(out, line{}, line{{tty.Dim, margin + "Ctrl-C ends it and leaves nothing behind."}})
	}
	return out
}

// address is the Hub's without the path that clients add by themselves.
func address(url string) string { return strings.TrimSuffix(url, "/api/v1") }

// short is enough of an id to name it among few.
func short(id string) string { return id[:min(8, len(id))] }

func pad(s string, width int) string {
	return s + strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0))
}

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(width-utf8.RuneCountInString(s), 0)) + s
}
