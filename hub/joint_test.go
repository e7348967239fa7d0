package hub_test

import (
	"bufio"
	"io"
	"slices"
	"strings"
	"testing"

	"waverider"
	"waverider/hub"
	"waverider/topic"
)

// source emits the records from..to-1 and ends.
func source(from, to int) program {
	return func(p *proc) int {
		p.ready()
		p.produces(waverider.TypeNDJSON)
		for _, r := range numbered(from, to) {
			if _, err := io.WriteString(p, r+"\n"); err != nil {
				return waverider.ExitKilled
			}
		}
		return p.finish(0)
	}
}

func (s *joinedSite) remove(name string) {
	s.t.Helper()
	s.want(200, "DELETE", "/topics/"+name, "")
}

// end waits until the Instance is at an end, and answers why.
func (s *joinedSite) end(id string) (status, reason, said string) {
	s.t.Helper()
	s.ended(id)
	v := s.info(id)
	return v.Status, v.Terminated.Reason, v.Error
}

func TestSourceWritesToATopic(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", source(0, 1000), `{"outputTopic":"out"}`)
	s.holds("out", numbered(0, 1000))
	if status, reason, said := s.end(id); status != "completed" {
		t.Errorf("%s: %s %s", status, reason, said)
	}
}

func TestSinkAcksWhatItHasFinished(t *testing.T) {
	s := newJoinedSite(t)
	took := make(chan string)
	id := s.run("a.js", pull(func(p *puller, line string) {
		select {
		case took <- line:
		case <-p.killed:
		}
	}), `{"inputTopic":"in"}`)
	s.send("in", numbered(0, 3)...)
	s.eventually("the program to begin", func() bool { return s.readers("in") == 1 })
	s.acked("in", id, 0)
	for i := range 3 {
		<-took
		s.acked("in", id, i+1)
	}
}

func TestProgramThatEndsHasFinishedWhatItTook(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("a.js", func(p *proc) int {
		p.ready()
		q, lines := &puller{proc: p}, bufio.NewReader(p)
		for range 3 {
			line, err := lines.ReadString('\n')
			if err != nil {
				return waverider.ExitKilled
			}
			q.emit(strings.TrimSuffix(line, "\n"))
			q.done, q.n = q.done+1, 0
		}
		q.mark()
		return p.finish(0)
	})
	seq := s.upload("", "", "a.js")
	s.send("in", numbered(0, 9)...)
	for i := range 3 {
		s.ended(s.start(seq, body(map[string]any{"instanceId": slotID, "inputTopic": "in", "outputTopic": "out"})))
		s.holds("out", numbered(0, 3*i+3))
		s.acked("in", slotID, 3*i+3)
	}
}

func TestPolicyAlwaysGoesOnInTheTopic(t *testing.T) {
	s := newJoinedSite(t, func(c *hub.Config) { c.Restart = waverider.RestartAlways })
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		q := &puller{proc: p}
		line, err := bufio.NewReader(p).ReadString('\n')
		if err != nil {
			return waverider.ExitKilled
		}
		q.emit(strings.TrimSuffix(line, "\n"))
		q.done, q.n = 1, 0
		q.mark()
		return p.finish(0)
	}, `{"inputTopic":"in","outputTopic":"out"}`)
	s.send("in", numbered(0, 3)...)
	s.holds("out", numbered(0, 3))
	s.acked("in", id, 3)
}

func TestEachInstanceGetsAllRecords(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("a.js", pull(identity))
	seq := s.upload("", "", "a.js")
	a := s.start(seq, `{"inputTopic":"in","outputTopic":"a"}`)
	b := s.start(seq, `{"inputTopic":"in","outputTopic":"b"}`)
	s.send("in", numbered(0, 200)...)
	s.holds("a", numbered(0, 200))
	s.holds("b", numbered(0, 200))
	s.acked("in", a, 200)
	s.acked("in", b, 200)
}

func TestInstancesThatWriteToOneTopicKeepTheirOrder(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("a.js", source(0, 500))
	s.on.on("b.js", source(500, 1000))
	s.run("a.js", source(0, 500), `{"outputTopic":"out"}`)
	s.run("b.js", source(500, 1000), `{"outputTopic":"out"}`)
	all := s.await("out", 1000)
	same(t, slices.DeleteFunc(slices.Clone(all), func(r string) bool { return len(r) == 3 && r >= "500" }), numbered(0, 500))
	same(t, slices.DeleteFunc(slices.Clone(all), func(r string) bool { return len(r) < 3 || r < "500" }), numbered(500, 1000))
}

func TestDeletedInputTopicEndsTheInput(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	s.send("in", numbered(0, 100)...)
	s.acked("in", id, 100)
	s.remove("in")
	if status, reason, said := s.end(id); status != "completed" {
		t.Errorf("%s: %s %s", status, reason, said)
	}
	s.holds("out", numbered(0, 100))
}

func TestDeletedOutputTopicIsMadeAgain(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	s.send("in", numbered(0, 100)...)
	s.acked("in", id, 100)
	s.remove("out")
	s.send("in", numbered(100, 200)...)
	s.holds("out", numbered(100, 200))
	s.remove("out")
	s.remove("in")
	if status, reason, said := s.end(id); status != "completed" {
		t.Errorf("%s: %s %s", status, reason, said)
	}
}

func TestOutputThatDoesNotFitItsTopicEndsTheInstance(t *testing.T) {
	s := newJoinedSite(t)
	s.send("lines", "1")
	started := make(chan struct{})
	s.on.on("writes.js", func(p *proc) int {
		p.ready()
		<-started // else the answer of the start may say it
		p.produces(waverider.TypeBytes)
		_, _ = io.WriteString(p, "x")
		return p.finish(0)
	})
	id := s.start(s.upload("", "", "writes.js"), `{"outputTopic":"lines","restart":"always"}`)
	close(started)
	if status, _, said := s.end(id); status != "errored" || !strings.Contains(said, "Topic lines is application/x-ndjson, not application/octet-stream") {
		t.Errorf("%s: %s", status, said)
	}
	s.holds("lines", []string{"1"})
}

func TestBadTopicNamesAreRefusedAtTheStart(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("a.js", pull(identity))
	seq := s.upload("", "", "a.js")
	for _, req := range []string{`{"inputTopic":"a b"}`, `{"outputTopic":"../x"}`, `{"inputTopic":"a","ack":"never"}`} {
		s.want(400, "POST", "/sequence/"+seq+"/start", req, "Content-Type", "application/json")
	}
	if n := len(s.on.all()); n > 0 {
		t.Errorf("%d programs were started", n)
	}
}

// Output that goes to no Topic is delivered when a reader has it.
func TestAcksFollowOutputThatIsRead(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", pull(identity), `{"inputTopic":"in"}`)
	s.send("in", numbered(0, 100)...)
	s.eventually("the program to be done", func() bool { return s.info(id).Output.ContentType != "" })
	s.acked("in", id, 0)
	resp := s.stream("GET", "/instance/"+id+"/output", nil)
	lines := bufio.NewReader(resp.Body)
	for i, want := range numbered(0, 100) {
		if line, err := lines.ReadString('\n'); err != nil || line != want+"\n" {
			t.Fatalf("line %d: %q, %v", i, line, err)
		}
	}
	s.acked("in", id, 100)
}

func TestTopicsInMemoryJoinInstancesToo(t *testing.T) {
	s := newJoinedSite(t)
	for _, name := range []waverider.TopicName{"in", "out"} {
		if _, err := s.topics.Create(t.Context(), waverider.TopicConfig{Name: name, ContentType: waverider.TypeNDJSON, Durability: waverider.DurabilityMemory}); err != nil {
			t.Fatal(err)
		}
	}
	id := s.run("a.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	s.send("in", numbered(0, 100)...)
	s.holds("out", numbered(0, 100))
	s.acked("in", id, 100)
}

func TestInputIsNotAckedBeyondWhatIsThere(t *testing.T) {
	s := newJoinedSite(t)
	id := s.run("a.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	s.send("in", "1", "", "  ", "not json", "2")
	s.holds("out", []string{"1", "not json", "2"})
	s.acked("in", id, 3)
	var at topic.Place
	s.eventually("all bytes to be counted", func() bool { at = s.place("in", id); return at.InputCount == 3 })
	if at.InputOffset != uint64(len("1\nnot json\n2\n")) {
		t.Errorf("the place is %+v", at)
	}
}

// Output that its Topic has no room for goes with a program that is killed; it
// keeps nobody waiting.
func TestKillDoesNotWaitForRoom(t *testing.T) {
	s := newJoinedSite(t)
	out, err := s.topics.Create(t.Context(), waverider.TopicConfig{Name: "out", ContentType: waverider.TypeNDJSON, MaxBytes: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	slow, err := out.Durable(t.Context(), "slot:slow", topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	s.on.on("a.js", source(0, 1_000_000))
	seq := s.upload("", "", "a.js")
	full := func() bool {
		info, err := out.Info(t.Context())
		return err == nil && info.Full
	}
	start := body(map[string]any{"instanceId": slotID, "outputTopic": "out"})
	s.start(seq, start)
	s.eventually("the Topic to be full", full)
	s.want(202, "POST", "/instance/"+slotID+"/_kill", "")
	s.eventually("the Instance to end", func() bool { return s.info(slotID).Status == "completed" })
	s.start(seq, start)
	s.want(202, "POST", "/instance/"+slotID+"/_kill", `{"removeImmediately":true}`)
	s.start(seq, start)
}

func TestInstanceThatReadsATopicIsTold(t *testing.T) {
	told := make(chan waverider.TopicName, 10)
	s := newJoinedSite(t, func(c *hub.Config) { c.Reads = func(name waverider.TopicName) { told <- name } })
	reads := func(name waverider.TopicName) {
		t.Helper()
		select {
		case got := <-told:
			if got != name {
				t.Errorf("%s is read, want %s", got, name)
			}
		case <-t.Context().Done():
			t.Fatalf("nobody was told of the reader of %s", name)
		}
	}
	s.run("a.js", pull(func(*puller, string) {}), `{"inputTopic":"in","outputTopic":"out"}`)
	reads("in")
	s.get("/topic/out?from=start&follow=false")
	reads("out")
	s.reopen(nil) // the program goes on reading
	reads("in")
}
