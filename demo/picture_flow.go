package demo

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"waverider/tty"
)

// cell of the table of programs and Topics.
type cell struct {
	name  string
	width int
	left  bool // aligned so
	show  func(s *display, i int) span
	rank  int // the higher, the sooner it is left out; 0: never
}

// cells in their order: a program, and the Topic that it writes.
var cells = []cell{
	{"program", 15, true, func(s *display, i int) span { return span{tty.Bold, s.programs[i].name} }, 0},
	{"pid", 8, false, func(s *display, i int) span { return s.pid(i) }, 3},
	{"restarts", 9, false, func(s *display, i int) span {
		return s.flow(i, func(f flow) string { return strconv.Itoa(f.restarts) })
	}, 5},
	{"lag", 5, false, (*display).lag, 0},
	{"", 4, false, func(*display, int) span { return span{tty.Cyan, "━▶"} }, 0},
	{" Topic", 16, true, func(s *display, i int) span { return span{"", " " + string(s.programs[i].writes)} }, 0},
	{"records", 8, false, func(s *display, i int) span { return span{"", strconv.Itoa(s.checks[s.programs[i].writes].records)} }, 4},
	{"rate", 8, false, func(s *display, i int) span {
		return s.flow(i, func(f flow) string { return fmt.Sprintf("%.1f /s", f.rate) })
	}, 2},
	{"lost", 5, false, func(s *display, i int) span { return judged(s.lost(s.programs[i])) }, 0},
	{"doubled", 8, false, func(s *display, i int) span { return judged(s.checks[s.programs[i].writes].doubled) }, 0},
}

// flowTable shows the programs in the order in which records go through them.
func (s *display) flowTable(width int) []line {
	shown := cellsWithin(width - len(margin))
	head := margin
	for _, c := range shown {
		head += c.align(c.name)
	}
	out := []line{{{tty.Dim, head}}}
	for i := range s.programs {
		l := line{{"", margin}}
		for _, c := range shown {
			v := c.show(s, i)
			l = append(l, span{v.style, c.align(v.words)})
		}
		out = append(out, l)
	}
	return out
}

// cellsWithin leaves out what there is no room for.
func cellsWithin(room int) []cell {
	shown := slices.Clone(cells)
	for {
		total, out := 0, 0
		for i, c := range shown {
			total += c.width
			if c.rank > shown[out].rank {
				out = i
			}
		}
		if total <= room || shown[out].rank == 0 {
			return shown
		}
		shown = slices.Delete(shown, out, out+1)
	}
}

func (c cell) align(words string) string {
	if c.left {
		return pad(words, c.width)
	}
	return padLeft(words, c.width)
}

// flow shows something that the Hub has told of a program.
func (s *display) flow(i int, show func(flow) string) span {
	if len(s.flows) == 0 {
		return span{tty.Dim, "–"}
	}
	return span{"", show(s.flows[i])}
}

// pid is that of a program, or why it has none.
func (s *display) pid(i int) span {
	if len(s.flows) == 0 || s.flows[i].pid != 0 {
		return s.flow(i, func(f flow) string { return strconv.Itoa(f.pid) })
	}
	if s.flows[i].status.Ended() {
		return span{tty.Red, "ended"}
	}
	return span{tty.Yellow, "starting"}
}

// lag is what a program has still to do. The first has no input.
func (s *display) lag(i int) span {
	if s.programs[i].reads == "" || len(s.flows) == 0 || s.flows[i].lag < 0 {
		return span{tty.Dim, "–"}
	}
	return span{"", strconv.Itoa(s.flows[i].lag)}
}

// judged is a number that is to be 0.
func judged(n int) span {
	if n == 0 {
		return span{tty.Green, "0"}
	}
	return span{tty.Red, strconv.Itoa(n)}
}

// next is what to try meanwhile, with the real names. What a command is for is
// left out where there is no room.
func (s *display) next(width int) []row {
	head := margin + "Try in another terminal"
	if s.terminal.Is() {
		for _, more := range []string{" (Ctrl-C here ends all and leaves nothing behind)", " (Ctrl-C here ends all)"} {
			if len(head)+len(more) < width {
				head += more
				break
			}
		}
	}
	head += ":"
	out := rows(line{{tty.Dim, head}}, line{{"", margin + margin + "export WAVERIDER_URL=" + address(s.hub.URL())}})
	command := func(rank int, words, what string) {
		l := line{{"", margin + margin + pad(words, commandWidth)}, {tty.Dim, " # " + what}}
		if utf8.RuneCountInString(l.text()) > width {
			l = l[:1]
		}
		out = append(out, row{l, rank})
	}
	call := self()
	command(0, call+" topic get "+string(statsTopic), "its records, and those to come")
	command(0, call+" topic info "+string(figuresTopic), "who reads it, who lags")
	command(rankSpare, call+" inst list", "the programs")
	command(rankSpare, call+" inst logs "+short(s.programs[2].id)+" -f", "what alerts says")
	if pid := s.hub.PID(); pid != 0 {
		command(0, fmt.Sprintf("kill -9 %d", pid), "the Hub: it comes back")
	}
	if len(s.flows) > 1 && s.flows[1].pid != 0 {
		command(0, fmt.Sprintf("kill -9 %d", s.flows[1].pid), "rolling-stats: it goes on")
	}
	return out
}

// commandWidth is how wide commands are before what they are for.
const commandWidth = 43
