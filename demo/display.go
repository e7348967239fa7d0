package demo

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"waverider"
	"waverider/localhub"
	"waverider/tty"
)

const (
	samples    = 2 * windowSeconds // of a figure that its chart shows: two a second
	keptEvents = 5
)

// display shows what comes, on a terminal as a picture that is redrawn, and as
// lines elsewhere.
type display struct {
	out      io.Writer
	terminal tty.Terminal
	hub      *localhub.Hub
	programs []program
	began    time.Time

	checks  map[waverider.TopicName]*check
	flows   []flow // of the programs; empty until the Hub has told
	last    summary
	history map[string][]float64
	raised  map[string]alert // by figure: those that are on
	events  []event          // the newest last

	lines  int // drawn last
	size   [2]int
	lineAt time.Time // when the last plain line was written
	dirty  bool      // something came since the last drawing
}

// event is something that happened.
type event struct {
	at    time.Time
	what  string
	style string
}

func newDisplay(out io.Writer, terminal tty.Terminal, hub *localhub.Hub, programs []program) *display {
	return &display{out: out, terminal: terminal, hub: hub, programs: programs, began: time.Now(), history: map[string][]float64{},
		raised: map[string]alert{}, checks: map[waverider.TopicName]*check{figuresTopic: {}, statsTopic: {}, alertsTopic: {}}}
}

// takeReading adds a record of machine.figures. What has no number comes from
// somebody else: a Topic is open to all.
func (s *display) takeReading(r reading) {
	if r.N == 0 {
		return
	}
	s.checks[figuresTopic].take(r.Run, r.N)
}

// takeSummary adds a record of machine.stats.
func (s *display) takeSummary(sum summary) {
	if sum.Of.N == 0 {
		return
	}
	s.checks[statsTopic].take(sum.Of.Run, sum.Of.N)
	s.last, s.dirty = sum, true
	for _, f := range figures {
		h := append(s.history[f.pointer], sum.Figures[f.pointer].Last)
		s.history[f.pointer] = h[max(len(h)-samples, 0):]
	}
}

// takeAlert adds a record of machine.alerts.
func (s *display) takeAlert(a alert) {
	if a.N == 0 {
		return
	}
	s.checks[alertsTopic].take(0, a.N)
	f := figureOf(a.Figure)
	if a.Raised {
		s.raised[a.Figure] = a
		s.say(tty.Red, "%s is high: %s, its mean is %s", f.label, f.show(a.Value), f.show(a.Mean))
	} else {
		delete(s.raised, a.Figure)
		s.say(tty.Green, "%s is well again: %s, its mean is %s", f.label, f.show(a.Value), f.show(a.Mean))
	}
}

// takeFlows adds what the Hub says of the programs.
func (s *display) takeFlows(now []flow) {
	for i, f := range now {
		if len(s.flows) == 0 {
			break
		}
		was, name := s.flows[i], s.programs[i].name
		switch {
		case f.restarts > was.restarts:
			s.say(tty.Yellow, "%s was killed and is started again", name)
		case f.status.Ended() && !was.status.Ended() && f.err != "":
			s.say(tty.Yellow, "%s has ended: %s", name, f.err)
		case f.status.Ended() && !was.status.Ended():
			s.say(tty.Yellow, "%s has ended", name)
		}
	}
	s.flows = now
}

func (s *display) hubCameBack(pid int) {
	s.say(tty.Yellow, "the Hub died and is back (pid %d); its programs ran on", pid)
}

func (s *display) loadBegins(processors int) {
	s.say(tty.Dim, "the demo makes load for %s, on %s", loadTime, count(processors, "processor"))
}

// say notes something that happened; where there is no picture it is a line.
func (s *display) say(style, format string, args ...any) {
	e := event{time.Now(), fmt.Sprintf(format, args...), style}
	s.events = append(s.events, e)
	s.events = s.events[max(len(s.events)-keptEvents, 0):]
	if !s.terminal.Is() {
		fmt.Fprintf(s.out, "%s  %s\n", e.at.Format(time.TimeOnly), e.what)
	}
}

// lost is how many records of a program's Topic are missing. What alerts makes
// of summaries it numbers itself; the others answer record by record.
func (s *display) lost(p program) int {
	if p.writes == statsTopic {
		return s.checks[p.writes].lost(s.checks[p.reads])
	}
	return s.checks[p.writes].lost(nil)
}

// outcome is what the display has seen, in words.
func (s *display) outcome() string {
	var lost, doubled int
	for _, p := range s.programs {
		lost += s.lost(p)
		doubled += s.checks[p.writes].doubled
	}
	return fmt.Sprintf("%s, %s, %d lost, %d doubled", count(s.checks[statsTopic].records, "reading"), count(s.checks[alertsTopic].records, "alert"), lost, doubled)
}

// count is a number of things.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func (s *display) open() {
	if s.terminal.Is() {
		io.WriteString(s.out, "\x1b[?25l") // a cursor that runs over the picture disturbs
		s.draw(time.Now())
		return
	}
	for _, row := range s.next(math.MaxInt) {
		fmt.Fprintln(s.out, row.text())
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
	for _, row := range picture {
		b.WriteString(row.paint(s.terminal, width) + "\x1b[K\r\n")
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
	cpu := figures[0]
	fmt.Fprintf(&b, "  %s %9s, mean %7s", cpu.label, s.value(cpu, func(r rolled) float64 { return r.Last }), s.value(cpu, func(r rolled) float64 { return r.Mean }))
	for _, f := range figures[1:] {
		if !f.spare {
			fmt.Fprintf(&b, "  %s %9s", f.label, s.value(f, func(r rolled) float64 { return r.Last }))
		}
	}
	fmt.Fprintf(&b, "  | %s\n", s.outcome())
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
