package demo

import (
	"unicode/utf8"

	"waverider/tty"
)

// commandWidth is how wide commands are before what they are for.
const commandWidth = 50

// next is what to try meanwhile in another terminal, with the real names. What a
// command is for is left out where there is no room.
func (s *display) next(width int) []row {
	out := rows(line{{tty.Dim, margin + "In another terminal:"}}, line{{"", margin + margin + ". " + s.mesh.envFile()}})
	call := self()
	for _, c := range [][2]string{
		{call + " space hubs", "who is connected"},
		{call + " topic get " + string(statsTopic) + " --hub cloud", "what cloud computes"},
		{call + " topic info " + string(figuresTopic) + " --hub edge", "through the Space: not while the Link is cut"},
	} {
		l := line{{"", margin + margin + pad(c[0], commandWidth)}, {tty.Dim, " # " + c[1]}}
		if utf8.RuneCountInString(l.text()) > width {
			l = l[:1]
		}
		out = append(out, row{line: l})
	}
	return out
}

// keyLines say what the keys do.
func (s *display) keyLines() []row {
	if !s.keys {
		return rows(line{{tty.Dim, margin + "Ctrl-C ends all and leaves nothing behind"}})
	}
	cut := "cuts the Link of edge"
	if now, _ := s.mesh.way.state(); now {
		cut = "heals the Link of edge"
	}
	kills := line{{"", margin + "kill -9"}}
	for i, k := range killKeys {
		if i > 0 {
			kills = append(kills, span{"", ","})
		}
		kills = append(kills, span{tty.Bold, " " + string(k.key)}, span{"", " " + k.of(s.programs)})
	}
	return rows(
		line{{"", margin}, {tty.Bold, "l"}, {"", " " + pad(cut, 25)}, {tty.Bold, "q"}, {"", " ends, once all has arrived"}, {tty.Dim, "   Ctrl-C ends at once"}},
		kills)
}
