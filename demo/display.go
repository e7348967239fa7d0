package demo

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"waverider/localhub"
	"waverider/tty"
)

// samples of a figure that its chart shows: two a second, over the window.
const samples = 2 * windowSeconds

// display shows what comes, on a terminal as a picture that is redrawn, and as
// lines elsewhere.
type display struct {
	out      io.Writer
	terminal tty.Terminal
	hub      *localhub.Hub
	ids      instances
	began    time.Time

	readings int
	last     summary
	history  map[string][]float64
	alerts   []string // figures with an alert
	note     string   // the newest thing that happened
	noted    time.Time

	lines  int // drawn last
	size   [2]int
	lineAt time.Time // when the last plain line was written
	dirty  bool      // something came since the last drawing
}

func newDisplay(out io.Writer, terminal tty.Terminal, hub *localhub.Hub, ids instances) *display {
	return &display{out: out, terminal: terminal, hub: hub, ids: ids, began: time.Now(), history: map[string][]float64{}}
}

// take adds a summary.
func (s *display) take(sum summary) {
	s.last, s.dirty = sum, true
	s.readings++
	for _, f := range figures {
		h := append(s.history[f.pointer], sum.Figures[f.pointer].Last)
		s.history[f.pointer] = h[max(len(h)-samples, 0):]
	}
	s.noteAlerts(sum)
}

func (s *display) noteAlerts(sum summary) {
	var now []string
	for _, a := range sum.Alerts {
		now = append(now, a.Figure)
		if !slices.Contains(s.alerts, a.Figure) {
			s.say("alert: " + labelOf(a.Figure) + " is high")
		}
	}
	for _, figure := range s.alerts {
		if !slices.Contains(now, figure) {
			s.say(labelOf(figure) + " is well again")
		}
	}
	s.alerts = now
}

func (s *display) hubCameBack(pid int) {
	s.say(fmt.Sprintf("the Hub died and is back (pid %d); its programs ran on", pid))
}

// say notes something that happened; where there is no picture it is a line.
func (s *display) say(what string) {
	s.note, s.noted = what, time.Now()
	if !s.terminal.Is() {
		fmt.Fprintf(s.out, "%s  %s\n", s.noted.Format(time.TimeOnly), what)
	}
}

func (s *display) open() {
	if s.terminal.Is() {
		io.WriteString(s.out, "\x1b[?25l") // a cursor that runs over the picture disturbs
		s.draw(time.Now())
		return
	}
	for _, line := range s.next(math.MaxInt) {
		fmt.Fprintln(s.out, line.text())
	}
	fmt.Fprintln(s.out)
}

func (s *display) close() {
	if s.terminal.Is() {
		s.draw(time.Now())
		io.WriteString(s.out, "\x1b[?25h")
	}
}

func (s *display) draw(now time.Time) {
	if !s.terminal.Is() {
		s.drawLine(now)
		return
	}
	width, height := s.terminal.Size()
	var b strings.Builder
	b.WriteString("\x1b[?2026h") // terminals that know it show the frame at once
	if size := [2]int{width, height}; size != s.size {
		if s.size[0] != 0 {
			b.WriteString("\x1b[2J\x1b[H") // lines may have been wrapped anew
		}
		s.size = size
	} else if s.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\r", s.lines)
	}
	picture := fit(s.picture(now, width), height-1)
	s.lines = len(picture)
	for _, l := range picture {
		b.WriteString(l.paint(s.terminal, width) + "\x1b[K\r\n")
	}
	b.WriteString("\x1b[J\x1b[?2026l")
	io.WriteString(s.out, b.String())
}

// drawLine writes one line a second.
func (s *display) drawLine(now time.Time) {
	if !s.dirty || now.Sub(s.lineAt) < 900*time.Millisecond {
		return
	}
	s.lineAt, s.dirty = now, false
	var b strings.Builder
	b.WriteString(time.UnixMilli(s.last.At).Format(time.TimeOnly))
	for _, f := range figures {
		fmt.Fprintf(&b, "  %s %9s", f.label, s.value(f, func(r rolled) float64 { return r.Last }))
	}
	cpu := figures[0]
	fmt.Fprintf(&b, "  | CPU of %d s: mean %s, p95 %s\n", windowSeconds,
		s.value(cpu, func(r rolled) float64 { return r.Mean }), s.value(cpu, func(r rolled) float64 { return r.P95 }))
	io.WriteString(s.out, b.String())
}

// value shows a number of a figure, or that there is none: not every operating
// system tells all.
func (s *display) value(f figure, of func(rolled) float64) string {
	r, ok := s.last.Figures[f.pointer]
	if !ok || r.Count == 0 {
		return "–"
	}
	return f.show(of(r))
}
