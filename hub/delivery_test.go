package hub_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"testing"

	"waverider"
	"waverider/hub"
)

// crashing kills the program at a record, once, when what it emitted until then
// has reached the Topic or is on its way there.
func crashing(do func(*puller, string), at string, how func(*puller)) func(*puller, string) {
	once := false
	return func(p *puller, line string) {
		do(p, line)
		if line == at && !once {
			once = true
			how(p)
		}
	}
}

func TestKilledProgramsRepeatNothing(t *testing.T) {
	for name, k := range kinds {
		for _, at := range []string{"0", "49", "50", "51", "99"} {
			t.Run(name+" at "+at, func(t *testing.T) {
				t.Parallel()
				s := newJoinedSite(t, restarting)
				s.on.on("a.js", pull(crashing(k.do(), at, func(p *puller) { p.kill() })))
				req := map[string]any{"inputTopic": "in", "outputTopic": "out"}
				if err := json.Unmarshal([]byte(k.start), &req); err != nil {
					t.Fatal(err)
				}
				s.send("in", numbered(0, 50)...)
				s.start(s.upload("", "", "a.js"), body(req))
				s.send("in", numbered(50, 105)...)
				s.holds("out", k.want(105))
			})
		}
	}
}

// A Hub that goes and comes back under a program that works, waits, or dies
// meanwhile.
func TestHubThatComesBackRepeatsNothing(t *testing.T) {
	for name, k := range kinds {
		for _, at := range []string{"0", "50", "99"} {
			for _, dies := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s at %s dies %v", name, at, dies), func(t *testing.T) {
					t.Parallel()
					s := newJoinedSite(t, restarting)
					here, goOn := make(chan *puller), make(chan struct{})
					s.on.on("a.js", pull(crashing(k.do(), at, func(p *puller) {
						here <- p
						<-goOn
					})))
					req := map[string]any{"inputTopic": "in", "outputTopic": "out"}
					if err := json.Unmarshal([]byte(k.start), &req); err != nil {
						t.Fatal(err)
					}
					s.send("in", numbered(0, 50)...)
					s.start(s.upload("", "", "a.js"), body(req))
					s.send("in", numbered(50, 105)...)
					p := <-here
					s.reopen(func() {
						if dies {
							p.kill()
						}
					})
					close(goOn)
					s.holds("out", k.want(105))
					if !dies && len(s.on.all()) != 1 {
						t.Error("the program was started again")
					}
					s.reopen(nil)
					s.send("in", numbered(105, 210)...)
					s.holds("out", k.want(210))
				})
			}
		}
	}
}

func restarting(c *hub.Config) { c.Restart = waverider.RestartOnFailure }

func TestKilledInstanceGoesOnWhereItWas(t *testing.T) {
	s := newJoinedSite(t, restarting)
	id := s.run("copy.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	for i := range 3 {
		s.send("in", numbered(i*100, i*100+100)...)
		if i < 2 {
			s.await("out", i*100+50)
			s.sole().kill()
		}
	}
	same(t, s.await("out", 300), numbered(0, 300))
	s.acked("in", id, 300)
}

func TestSlotGoesOnWhereItsLastInstanceEnded(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("copy.js", pull(identity))
	seq := s.upload("copy", "1.0.0", "copy.js")
	start := body(map[string]any{"instanceId": slotID, "inputTopic": "in", "outputTopic": "out"})
	for i := range 3 {
		s.start(seq, start)
		s.send("in", numbered(i*100, i*100+100)...)
		s.acked("in", slotID, i*100+100)
		s.want(202, "POST", "/instance/"+slotID+"/_kill", "")
		s.ended(slotID)
	}
	same(t, s.await("out", 300), numbered(0, 300))
}

func TestSlotOfAnotherSequenceBeginsAnew(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("copy.js", pull(identity))
	s.send("in", numbered(0, 100)...)
	for i, name := range []string{"one", "two"} {
		s.start(s.upload(name, "1.0.0", "copy.js"), body(map[string]any{"instanceId": slotID, "inputTopic": "in", "outputTopic": "out"}))
		s.acked("in", slotID, 100)
		same(t, s.await("out", 100*i+100)[100*i:], numbered(0, 100))
		s.want(202, "POST", "/instance/"+slotID+"/_kill", "")
		s.ended(slotID)
	}
}

func TestRemovedInstanceLeavesNoPlace(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("copy.js", pull(identity))
	seq := s.upload("copy", "1.0.0", "copy.js")
	s.send("in", numbered(0, 100)...)
	for i := range 2 {
		s.start(seq, body(map[string]any{"instanceId": slotID, "inputTopic": "in", "outputTopic": "out"}))
		s.acked("in", slotID, 100)
		same(t, s.await("out", 100*i+100)[100*i:], numbered(0, 100))
		s.want(202, "POST", "/instance/"+slotID+"/_kill", `{"removeImmediately":true}`)
	}
	s.eventually("the place to be forgotten", func() bool { return s.readers("in") == 0 })
}

func TestPlacesOutliveTheRecordOfAnInstance(t *testing.T) {
	s := newJoinedSite(t, func(c *hub.Config) { c.MaxEnded = 1 })
	s.on.on("copy.js", pull(identity))
	s.on.on("other.js", func(p *proc) int { p.ready(); return p.finish(0) })
	one, two, other := s.upload("one", "1.0.0", "copy.js"), s.upload("two", "1.0.0", "copy.js"), s.upload("", "1.0.0", "other.js")
	start := body(map[string]any{"instanceId": slotID, "inputTopic": "in", "outputTopic": "out"})
	given := 0
	for i, c := range []struct {
		seq  string
		adds int
	}{{one, 100}, {one, 100}, {two, 300}} {
		s.send("in", numbered(i*100, i*100+100)...)
		s.start(c.seq, start)
		s.acked("in", slotID, i*100+100)
		given += c.adds
		s.await("out", given)
		s.want(202, "POST", "/instance/"+slotID+"/_kill", "")
		s.ended(slotID)
		s.eventually("the Instance to be forgotten", func() bool {
			s.ended(s.start(other, ""))
			return s.call("GET", "/instance/"+slotID, "").status == 404
		})
	}
	same(t, s.await("out", given), slices.Concat(numbered(0, 200), numbered(0, 300)))
}

// What the code declares is known from the run before.
func TestSlotWithTopicsInCodeRepeatsNothing(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newJoinedSite(t)
			here := make(chan *puller)
			do := crashing(k.do(), "50", func(p *puller) { // nobody has heard that it is finished
				here <- p
				<-p.killed
			})
			s.on.on("a.js", func(p *proc) int {
				_ = p.Send("ready", map[string]any{"requires": "in", "contentType": waverider.TypeNDJSON})
				q := &puller{proc: p, provides: "out"}
				return q.run(do)
			})
			seq := s.upload("", "", "a.js")
			s.send("in", numbered(0, 105)...)
			req := map[string]any{"instanceId": slotID}
			if err := json.Unmarshal([]byte(k.start), &req); err != nil {
				t.Fatal(err)
			}
			start := body(req)
			s.start(seq, start)
			p := <-here
			s.holds("out", k.want(51))
			p.kill()
			s.ended(slotID)
			s.start(seq, start)
			s.holds("out", k.want(105))
		})
	}
}

// The next revision of a Sequence may read another Topic: what was saved stands
// for a place in the one before.
func TestRevisionThatReadsAnotherTopic(t *testing.T) {
	s := newJoinedSite(t)
	given := make(chan string, 8)
	reads := func(topic string) program {
		return func(p *proc) int {
			given <- topic + string(p.Spec.Start.State)
			_ = p.Send("ready", map[string]any{"requires": topic, "contentType": waverider.TypeNDJSON})
			return (&puller{proc: p, provides: "out"}).run(func(p *puller, line string) {
				p.emit(topic + line)
				p.save(topic)
			})
		}
	}
	s.on.on("a.js", reads("a"))
	s.on.on("b.js", reads("b"))
	s.send("a", "1", "2")
	s.send("b", "1", "2")
	start := body(map[string]any{"instanceId": slotID, "ack": "save"})
	seq := s.upload("x", "1.0.0", "a.js")
	var out []string
	for i, c := range []struct {
		main         string
		given, gives []string
	}{
		{"a.js", []string{"a"}, []string{"a1", "a2"}},
		{"b.js", []string{`b"a"`, "b"}, []string{"b1", "b2"}},
		{"a.js", []string{`a"b"`, `a"a"`}, nil},
	} {
		s.want(200, "PUT", "/sequence/"+seq, s.program("x", "1.0."+strconv.Itoa(i), c.main), "Content-Type", "application/octet-stream")
		s.start(seq, start)
		for _, want := range c.given {
			if got := <-given; got != want {
				t.Errorf("revision %d was given %s, want %s", i+1, got, want)
			}
		}
		out = append(out, c.gives...)
		s.holds("out", out)
		s.acked(c.main[:1], slotID, 2)
		s.want(202, "POST", "/instance/"+slotID+"/_kill", "")
		s.ended(slotID)
	}
}
