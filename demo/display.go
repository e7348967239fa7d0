package demo

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"waverider/tty"
)

const (
	samples    = int(windowSeconds * time.Second / measureEvery) // of a figure that its chart shows
	keptEvents = 5
)

// display shows what comes, on a terminal as a picture that is redrawn, and as
// lines elsewhere.
type display struct {
	out      io.Writer
	terminal tty.Terminal
	keys     bool // are heeded
	mesh     *mesh
	programs []program
	began    time.Time

	stored, arrived, computed, told check // of readings on edge, in the Space, in results on cloud; of alerts

	pids    [allPlaces]int // of the newest process of each
	ending  bool           // when all that is stored has arrived
	awaited int            // records of the Topic on edge then; -1: not known yet
	seen    int            // records of the Topic on edge, ours or not
	reports [allPlaces]report
	downAt  [allPlaces]time.Time // since when a Hub has no Link; zero while it has one
	waited  int                  // the most that has waited on edge since it lost the Link
	last    summary
	history map[string][]float64
	raised  map[string]alert // by figure: those that are on
	events  []event          // the newest last

	lines  int // drawn last
	size   [2]int
	lineAt time.Time // when the last plain line was written
}

// event is something that happened.
type event struct {
	at    time.Time
	what  string
	style string
}

func newDisplay(out io.Writer, terminal tty.Terminal, m *mesh, programs []program) *display {
	s := &display{out: out, terminal: terminal, mesh: m, programs: programs, began: time.Now(), history: map[string][]float64{}, raised: map[string]alert{}}
	for i := range s.reports {
		s.reports[i] = report{here: true, link: hubLink{State: linkUp, Since: s.began}} // they were when it began
	}
	return s
}

// takeStored adds a record of machine.figures on edge. What has no number comes
// from somebody else: a Topic is open to all.
func (s *display) takeStored(r reading) {
	s.seen++
	if r.N > 0 {
		s.stored.take(r.Run, r.N)
	}
}

// takeArrived adds a record of machine.figures in the Space.
func (s *display) takeArrived(r reading) {
	if r.N > 0 {
		s.arrived.take(r.Run, r.N)
	}
}

// takeSummary adds a record of machine.stats.
func (s *display) takeSummary(sum summary) {
	if sum.Of.N == 0 {
		return
	}
	s.computed.take(sum.Of.Run, sum.Of.N)
	s.last = sum
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
	s.told.take(0, a.N)
	f := figureOf(a.Figure)
	if a.Raised {
		s.raised[a.Figure] = a
		s.say(tty.Red, "%s is high: %s, its mean is %s", f.label, f.show(a.Value), f.show(a.Mean))
	} else {
		delete(s.raised, a.Figure)
		s.say(tty.Green, "%s is well again: %s, its mean is %s", f.label, f.show(a.Value), f.show(a.Mean))
	}
}

// takeReport adds what a place says.
func (s *display) takeReport(which int, now report) {
	was := s.reports[which]
	s.reports[which] = now
	if !now.here {
		return
	}
	s.tellPrograms(was, now)
	if which != space {
		s.tellLink(which, now.link.State == linkUp)
	}
	if which == edge {
		s.tellWaiting(now)
	}
}

// tellPrograms says what has become of programs.
func (s *display) tellPrograms(was, now report) {
	for i, f := range now.flows {
		before, known := was.flows[i]
		name := s.programs[i].name
		switch {
		case !known:
		case f.restarts > before.restarts:
			s.say(tty.Yellow, "%s was killed and is started again", name)
		case f.status.Ended() && !before.status.Ended() && f.err != "":
			s.say(tty.Yellow, "%s has ended: %s", name, f.err)
		case f.status.Ended() && !before.status.Ended():
			s.say(tty.Dim, "%s has ended", name)
		}
	}
}

// tellLink says that a Hub has lost its Space, or has it again.
func (s *display) tellLink(which int, up bool) {
	name := placeNames[which]
	switch down := s.downAt[which]; {
	case !up && down.IsZero():
		s.downAt[which] = time.Now()
		s.say(tty.Yellow, "%s has lost the Space", name)
	case up && !down.IsZero():
		s.downAt[which] = time.Time{}
		s.say(tty.Green, "%s has the Space again, after %s", name, time.Since(down).Round(time.Second/10))
	}
}

// tellWaiting says when all that waited on edge is in the Space.
func (s *display) tellWaiting(now report) {
	if !s.downAt[edge].IsZero() {
		s.waited = max(s.waited, now.toGo)
		return
	}
	if s.waited > 0 && now.toGo <= fewRecords {
		s.say(tty.Green, "%s that waited on edge went to the Space", count(s.waited, "record"))
		s.waited = 0
	}
}

// fewRecords may be on their way at any time.
const fewRecords = 3

// lookForPlaces says which processes are others than before.
func (s *display) lookForPlaces() {
	for i, p := range s.mesh.places {
		pid, was := p.PID(), s.pids[i]
		if pid == 0 || pid == was {
			continue
		}
		s.pids[i] = pid
		switch {
		case was == 0: // the first
		case i == space:
			s.say(tty.Yellow, "the Space was killed and is back (pid %d)", pid)
		default:
			s.say(tty.Yellow, "%s was killed and is back (pid %d); its programs ran on", p.name, pid)
		}
	}
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
	for i, p := range s.mesh.places {
		fmt.Fprintf(s.out, "%s%-5s  %s  pid %d\n", margin, placeNames[i], address(p.URL()), p.PID())
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
	if now.Sub(s.lineAt) < 950*time.Millisecond {
		return
	}
	s.lineAt = now
	cpu := s.value(figures[0], func(r rolled) float64 { return r.Last })
	fmt.Fprintf(s.out, "%s  link %-11s edge stored %5d, %4d wait | Space %5d, %d of %d Hubs | cloud %5d, lag %s | CPU %7s | %s\n",
		now.Format(time.TimeOnly), s.wayNow(now).words, s.stored.records, s.reports[edge].toGo, s.arrived.records,
		s.reports[space].hubs, s.reports[space].known, s.computed.records, s.lagOfCloud(), cpu, s.verdict())
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
