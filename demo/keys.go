package demo

import (
	"strings"
	"syscall"
	"time"

	"waverider"
	"waverider/tty"
)

// Keys that do more than to kill.
const (
	keyLink = 'l' // cuts the Link of edge, or heals it
	keyEnd  = 'q' // ends, when all has arrived
)

// killKey is a key that kills a place or a program.
type killKey struct {
	key     byte
	place   int // of allPlaces: none
	program int
}

var killKeys = []killKey{
	{'e', edge, 0}, {'s', space, 0}, {'c', cloud, 0},
	{'m', allPlaces, 0}, {'r', allPlaces, 1}, {'a', allPlaces, 2},
}

// of names what is killed.
func (k killKey) of(list []program) string {
	if k.place < allPlaces {
		return placeNames[k.place]
	}
	return list[k.program].name
}

// press does what a key stands for; others do nothing.
func (p *play) press(key byte) {
	s := p.show
	switch key {
	case keyLink:
		cut, _ := s.mesh.way.state()
		p.cut(!cut)
	case keyEnd:
		p.finish()
	case tty.Interrupt:
		p.cancel()
	}
	for _, k := range killKeys {
		if k.key == key {
			p.kill(k)
		}
	}
}

// cut cuts the Link of edge or heals it.
func (p *play) cut(cut bool) {
	if !p.show.mesh.way.set(cut) {
		return
	}
	if cut {
		p.show.say(tty.Red, "the Link of edge is cut: edge measures on and stores")
	} else {
		p.show.say(tty.Green, "the Link of edge is healed")
	}
}

// kill kills with signal 9, which nobody can catch.
func (p *play) kill(k killKey) {
	s, name := p.show, k.of(p.show.programs)
	pid := 0
	if k.place < allPlaces {
		pid = s.mesh.places[k.place].PID()
	} else {
		of := s.programs[k.program]
		pid = s.reports[of.on].flows[k.program].pid
	}
	if pid == 0 {
		s.say(tty.Dim, "%s has no process now", name)
		return
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		s.say(tty.Dim, "%s (pid %d) cannot be killed: %v", name, pid, err)
		return
	}
	s.say(tty.Yellow, "kill -9 %d: %s", pid, name)
}

// stroke is a key of a script, and the pause before it.
type stroke struct {
	pause time.Duration
	key   byte
}

// script is keys with pauses between them, as in "5s l 5s l q".
type script struct {
	text    string
	strokes []stroke
}

// Set makes it a value of a flag.
func (s *script) Set(text string) error {
	*s = script{text: text}
	var pause time.Duration
	for word := range strings.FieldsSeq(text) {
		if d, err := time.ParseDuration(word); err == nil && d >= 0 {
			pause += d
			continue
		}
		if len(word) != 1 || !known(word[0]) {
			return waverider.Errorf(waverider.Invalid, "%q is neither a key nor a time: want keys and pauses such as \"5s l 5s l q\"", word)
		}
		s.strokes = append(s.strokes, stroke{pause, word[0]})
		pause = 0
	}
	return nil
}

func (s *script) String() string { return s.text }
func (s *script) Type() string   { return "string" }

// known tells whether a key does something.
func known(key byte) bool {
	for _, k := range killKeys {
		if k.key == key {
			return true
		}
	}
	return key == keyLink || key == keyEnd
}

// strike presses keys one after the other.
func (p *play) strike(keys []stroke) {
	p.wg.Go(func() {
		for _, k := range keys {
			select {
			case <-time.After(k.pause):
				p.update(func() { p.press(k.key) })
			case <-p.ctx.Done():
				return
			}
		}
	})
}
