package demo

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"waverider/tty"
)

const (
	boxWidth   = 22 // of a place, with its frame
	arrowWidth = 5  // between two
)

// placeRows are the places beside each other with what flows between them, or
// in a line each where there is no room.
func (s *display) placeRows(now time.Time, width int) []row {
	if width < len(margin)+allPlaces*boxWidth+2*arrowWidth {
		return rows(s.placeLine(edge), s.placeLine(space), s.placeLine(cloud))
	}
	boxes := [allPlaces][]line{s.box(edge), s.box(space), s.box(cloud)}
	arrows := [allPlaces]span{edge: s.wayNow(now).arrow(), space: s.linkNow(cloud, now).arrow()}
	var out []row
	for i := range boxes[0] {
		l := line{{"", margin}}
		for p, b := range boxes {
			l = append(l, b[i]...)
			if p == cloud {
				continue
			}
			between := span{"", strings.Repeat(" ", arrowWidth)}
			if i == 2 {
				between = arrows[p]
			}
			l = append(l, between)
		}
		out = append(out, row{line: l})
	}
	return out
}

// placeLine is a place in one line.
func (s *display) placeLine(which int) line {
	out := line{{tty.Bold, margin + pad(placeNames[which], 7)}}
	for _, f := range s.facts(which) {
		out = append(out, span{"", " " + f.label + " "}, f.value, span{"", " "})
	}
	return out
}

// box is a place: a frame around what it says.
func (s *display) box(which int) []line {
	p, frame := s.mesh.places[which], tty.Green
	head, foot := " "+placeNames[which]+port(p.URL())+" ", fmt.Sprintf(" pid %d ", p.PID())
	if p.PID() == 0 {
		foot, frame = " coming back ", tty.Yellow
	}
	inner := boxWidth - 2
	out := []line{{{frame, "┌" + head + strings.Repeat("─", max(inner-utf8.RuneCountInString(head), 0)) + "┐"}}}
	for _, f := range s.facts(which) {
		room := inner - utf8.RuneCountInString(f.label) - 2
		out = append(out, line{{frame, "│"}, {"", " " + f.label}, {f.value.style, padLeft(f.value.words, room)}, {frame, " │"}})
	}
	return append(out, line{{frame, "└" + strings.Repeat("─", max(inner-utf8.RuneCountInString(foot), 0)) + foot + "┘"}})
}

// port is that of an address, to tell places apart.
func port(address string) string {
	if u, err := url.Parse(address); err == nil && u.Port() != "" {
		return " :" + u.Port()
	}
	return ""
}

// fact is a line in a box.
type fact struct {
	label string
	value span
}

// facts of a place, as many for each.
func (s *display) facts(which int) []fact {
	r := s.reports[which]
	number := func(n int) span { return span{tty.Bold, strconv.Itoa(n)} }
	switch which {
	case edge:
		return []fact{{"measures", s.rate(edge, 0)}, {"stored", number(s.stored.records)}, {"waiting", attention(r.toGo)}, s.programFact(0)}
	case space:
		hubs := span{"", fmt.Sprintf("%d of %d", r.hubs, r.known)}
		if r.hubs < r.known || !r.here {
			hubs.style = tty.Yellow
		}
		return []fact{{"Hubs here", hubs}, {"arrived", number(s.arrived.records)}, {"waiting", attention(r.toGo)}, {"results", number(r.results)}}
	}
	return []fact{{"computes", s.rate(cloud, 1)}, {"computed", number(s.computed.records)}, {"lag", s.lagOfCloud().span()}, s.programFact(1)}
}

// rate is how fast a program writes.
func (s *display) rate(which, program int) span {
	f, known := s.reports[which].flows[program]
	if !known || !s.reports[which].here {
		return span{tty.Dim, "–"}
	}
	return span{"", fmt.Sprintf("%.1f /s", f.rate)}
}

// programFact is how a program is.
func (s *display) programFact(i int) fact {
	f, known := s.reports[s.programs[i].on].flows[i]
	label := "program"
	switch {
	case !known:
		return fact{label, span{tty.Dim, "–"}}
	case f.status.Ended():
		return fact{label, span{tty.Red, "ended"}}
	case f.pid == 0:
		return fact{label, span{tty.Yellow, string(f.status)}}
	}
	pid := strconv.Itoa(f.pid)
	if words := "pid " + pid; len(label)+len(words) < boxWidth-4 {
		pid = words
	}
	return fact{label, span{"", pid}}
}

// lag is a number of records, -1 when it is not known.
type lag int

func (n lag) String() string {
	if n < 0 {
		return "–"
	}
	return strconv.Itoa(int(n))
}

func (n lag) span() span {
	if n < 0 {
		return span{tty.Dim, n.String()}
	}
	return attention(int(n))
}

// lagOfCloud is what rolling-stats has still to do.
func (s *display) lagOfCloud() lag {
	if f, known := s.reports[cloud].flows[1]; known && s.reports[cloud].here {
		return lag(f.lag)
	}
	return -1
}

// attention is a number that says something when it grows.
func attention(n int) span {
	if n > fewRecords {
		return span{tty.Yellow, strconv.Itoa(n)}
	}
	return span{"", strconv.Itoa(n)}
}

// linkNow is the state of a Link: up, down, or cut.
type linkNow struct {
	words string
	up    bool
	cut   bool
}

// wayNow is how the Link of edge is; a cut is known before edge finds out.
func (s *display) wayNow(now time.Time) linkNow {
	if cut, since := s.mesh.way.state(); cut {
		return linkNow{words: "CUT " + clock(now.Sub(since)), cut: true}
	}
	return s.linkNow(edge, now)
}

func (s *display) linkNow(which int, now time.Time) linkNow {
	l := s.reports[which].link
	switch {
	case !s.reports[which].here:
		return linkNow{words: "away"}
	case l.State == linkUp:
		return linkNow{words: "up " + clock(now.Sub(l.Since)), up: true}
	}
	return linkNow{words: "down " + clock(now.Sub(l.Since))}
}

// arrow is what stands between two places.
func (l linkNow) arrow() span {
	switch {
	case l.cut:
		return span{tty.Red, " ━╳  "}
	case l.up:
		return span{tty.Cyan, " ━━▶ "}
	}
	return span{tty.Yellow, " ┄┄▷ "}
}

func (l linkNow) style() string {
	switch {
	case l.cut:
		return tty.Red
	case l.up:
		return tty.Green
	}
	return tty.Yellow
}

// clock is a time that has passed, short.
func clock(d time.Duration) string {
	d = max(d, 0).Truncate(time.Second)
	if d < time.Minute {
		return d.String()
	}
	return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
}

// linkLine says how both Links are, as the way and the Hubs say.
func (s *display) linkLine(now time.Time) line {
	way, far := s.wayNow(now), s.linkNow(cloud, now)
	out := line{{"", margin + pad("Links", 9)}, {"", "edge "}, {way.style(), way.words}}
	if own := s.linkNow(edge, now); way.cut {
		out = append(out, span{tty.Dim, " (edge says: " + own.words + ")"})
	}
	return append(out, span{"", "    cloud "}, span{far.style(), far.words})
}

// checkLine is what the numbers in the records say.
func (s *display) checkLine() line {
	out := line{{"", margin + pad("Readings", 8)}}
	for _, of := range []struct {
		what string
		n    int
	}{{"lost", s.lost()}, {"doubled", s.doubled()}, {"reordered", s.reordered()}} {
		out = append(out, span{"", " " + of.what + " "}, judged(of.n), span{"", "  "})
	}
	return append(out, span{tty.Dim, " on edge, in the Space, in results"})
}

// judged is a number that is to be 0.
func judged(n int) span {
	if n == 0 {
		return span{tty.Green, "0"}
	}
	return span{tty.Red, strconv.Itoa(n)}
}
