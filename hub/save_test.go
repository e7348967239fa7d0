package hub_test

import (
	"io"
	"slices"
	"strconv"
	"testing"

	"waverider"
)

// A program may ask for several saves without waiting.
func TestSavesAreDoneInTheirOrder(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", pull(func(p *puller, line string) {
		p.emit(line)
		_ = p.Send("save", map[string]any{"id": line, "state": line, "done": p.done + 1, "output": p.written})
	}), `{"inputTopic":"in","outputTopic":"out","ack":"save"}`)
	s.send("in", numbered(0, 300)...)
	s.acked("in", id, 300)
	if got := string(s.place("in", id).State); got != `"299"` {
		t.Errorf("the state is %s, want that of the last save", got)
	}
}

// counting is a source that emits the numbers below n, saves after each tenth
// how far it is, and is killed once, before it emits another.
func counting(n, dies int, saved func(n int)) program {
	return func(p *proc) int {
		p.ready()
		p.produces(waverider.TypeNDJSON)
		at, first, written := 0, true, 0
		if state := p.Spec.Start.State; state != nil {
			at, _ = strconv.Atoi(string(state))
			first = false
		}
		for ; at < n; at++ {
			if at == dies && first {
				p.kill()
			}
			line := strconv.Itoa(at) + "\n"
			if _, err := io.WriteString(p, line); err != nil {
				return waverider.ExitKilled
			}
			if written += len(line); at%10 != 9 {
				continue
			}
			_ = p.Send("save", map[string]any{"id": at, "state": at + 1, "output": written})
			if _, err := p.Expect("saved"); err != nil {
				return waverider.ExitKilled
			}
			saved(at + 1)
		}
		return p.finish(0)
	}
}

// What a source has saved stands for output that is durable: nothing is lost.
// What it emits after its last save comes again.
func TestSourceThatSavesLosesNothing(t *testing.T) {
	s := newJoinedSite(t, restarting)
	id := s.run("a.js", counting(100, 25, func(n int) {
		top, err := s.topics.Topic("out")
		if err != nil {
			t.Error(err)
			return
		}
		if info, err := top.Info(t.Context()); err != nil || info.Records < uint64(n) {
			t.Errorf("%d are saved, %d stored (%v)", n, info.Records, err)
		}
	}), `{"outputTopic":"out"}`)
	s.eventually("the source to end", func() bool { return s.info(id).Status == "completed" })
	got := s.await("out", 100)
	same(t, got[:20], numbered(0, 20))
	again := slices.Index(got[20:], "20") + 20
	if next := slices.Index(got[again+1:], "20"); next >= 0 { // some of 20 to 24 came before the kill
		same(t, got[again:again+1+next], numbered(20, 20+1+next))
		again += 1 + next
	}
	if again > 25 {
		t.Errorf("the source went on at record %d", again)
	}
	same(t, s.await("out", again+80)[again:], numbered(20, 100))
}
