package hub_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider"
)

// emitter emits what it is told to, and tells which events reach it.
type emitter struct {
	emit chan string // JSON of an event message
	got  chan string
}

func newEmitter() *emitter {
	return &emitter{emit: make(chan string), got: make(chan string, 16)}
}

func (e *emitter) run(p *proc) int {
	p.ready()
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		for {
			m, err := p.Expect("event")
			if err != nil {
				return
			}
			e.got <- string(m.Data)
		}
	}()
	defer func() { <-heard }()
	for {
		select {
		case text := <-e.emit:
			var fields map[string]any
			if err := json.Unmarshal([]byte(text), &fields); err != nil {
				panic(err)
			}
			_ = p.Send("event", fields)
			_ = p.Flushed()
		case <-p.killed:
			return waverider.ExitKilled
		}
	}
}

func TestEventsOfAProgram(t *testing.T) {
	s := newSite(t)
	e := newEmitter()
	path := "/instance/" + s.run("a.js", e.run, "")
	// Nothing has come yet: the last waits for the first, as the next does.
	s.want(http.StatusGatewayTimeout, "GET", path+"/event/e?timeout=1ms", "")
	stream := s.reader(path + "/events/e")
	e.emit <- `{"name":"e","message":{"n":1}}`
	stream.next("{\"n\":1}\n")
	e.emit <- `{"name":"other","message":2}`
	if got := s.get(path + "/event/e").body; got != "{\"n\":1}\n" {
		t.Errorf("last: %q", got)
	}
	s.want(http.StatusGatewayTimeout, "GET", path+"/once/e?timeout=1ms", "")
	for _, message := range []string{`"text"`, `7`, `false`, `[1]`, `0`, `""`} {
		e.emit <- `{"name":"e","message":` + message + `}`
		stream.next(message + "\n")
		if got := s.get(path + "/event/e").body; got != message+"\n" {
			t.Errorf("last: %q, want %s", got, message)
		}
	}
	for _, none := range []string{`{"name":"e"}`, `{"name":"e","message":null}`} {
		e.emit <- none
		stream.next("{}\n")
	}
	s.want(http.StatusBadRequest, "GET", path+"/once/e?timeout=soon", "")
	s.want(http.StatusBadRequest, "GET", path+"/once/e?timeout=-1s", "")
	s.want(http.StatusAccepted, "POST", path+"/_kill", "")
	stream.end()
	if got := s.get(path + "/event/other").body; got != "2\n" {
		t.Errorf("the last event of an ended Instance: %q", got)
	}
	s.want(http.StatusGone, "GET", path+"/once/other", "")
	s.want(http.StatusGone, "GET", path+"/event/never", "")
	s.ended(strings.TrimPrefix(path, "/instance/"))
	s.want(http.StatusGone, "POST", path+"/_event", `[5001,{"eventName":"x"}]`)
}

// Large messages push out what is older.
func TestRememberedEventsAreBoundedInBytes(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		for _, name := range []string{"a", "b", "c"} {
			_ = p.Send("event", map[string]any{"name": name, "message": 1})
		}
		for _, name := range []string{"A", "B", "C"} {
			_ = p.Send("event", map[string]any{"name": name, "message": strings.Repeat("x", 3<<20)})
		}
		_ = p.Send("event", map[string]any{"name": "last", "message": 1})
		<-p.killed
		return waverider.ExitKilled
	}, "")
	path := "/instance/" + id + "/event/"
	s.get(path + "last")
	if got := s.get(path + "C").body; len(got) != 3<<20+3 {
		t.Errorf("%d bytes of the newest large one", len(got))
	}
	for _, name := range []string{"a", "A", "B"} {
		s.want(http.StatusGatewayTimeout, "GET", path+name+"?timeout=1ms", "")
	}
}

func TestEventsToAProgram(t *testing.T) {
	s := newSite(t)
	e := newEmitter()
	path := "/instance/" + s.run("a.js", e.run, "") + "/_event"
	for body, want := range map[string]string{
		`[5001,{"eventName":"x","message":{"a":1}}]`: `{"message":{"a":1},"name":"x","source":"api"}`,
		`[5001,{"eventName":"x"}]`:                   `{"name":"x","source":"api"}`,
		`{"eventName":"x","message":false}`:          `{"message":false,"name":"x","source":"api"}`,
	} {
		if a := s.want(http.StatusOK, "POST", path, body, "Content-Type", "application/json"); a.body != "{\"accepted\":\"OK\"}\n" {
			t.Errorf("answer %s", a.body)
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(<-e.got), &got); err != nil {
			t.Fatal(err)
		}
		delete(got, "type")
		if text, _ := json.Marshal(got); string(text) != want {
			t.Errorf("%s: the program got %s", body, text)
		}
	}
	for _, bad := range []string{``, `[]`, `"x"`, `[5001,{}]`, `[5001,{"eventName":""}]`, `[5001,{"eventName":7}]`, `[4001,{"eventName":"x"}]`, `{`} {
		s.want(http.StatusBadRequest, "POST", path, bad, "Content-Type", "application/json")
	}
}

func TestEventsOfOneReachTheOthers(t *testing.T) {
	s := newSite(t)
	one, two, three := newEmitter(), newEmitter(), newEmitter()
	id := s.run("1.js", one.run, "")
	s.run("2.js", two.run, "")
	s.run("3.js", three.run, "")
	one.emit <- `{"name":"e","message":1}`
	for _, e := range []*emitter{two, three} {
		if got := <-e.got; !strings.Contains(got, fmt.Sprintf(`"source":%q`, id)) {
			t.Errorf("the others got %s", got)
		}
	}
	two.emit <- `{"name":"back"}`
	// What comes first to the one is from the other: its own did not come.
	if got := <-one.got; !strings.Contains(got, `"back"`) {
		t.Errorf("got its own: %s", got)
	}
}

// Programs that take no events hold up no other, however many they are.
func TestProgramsThatTakeNoEventsHoldUpNobody(t *testing.T) {
	const queue, stuck, more = 1024, 30, 40
	s := newSite(t)
	s.on.on("stuck.js", idle)
	seq := s.upload("", "", "stuck.js")
	for range stuck {
		s.start(seq, "")
	}
	open := newEmitter()
	heard := make(chan string, queue+more)
	open.got = heard
	s.run("open.js", open.run, "")
	done := make(chan time.Duration, 1)
	s.run("emits.js", func(p *proc) int {
		p.ready()
		for range queue {
			_ = p.Send("event", map[string]any{"name": "e"})
		}
		_ = p.Flushed()
		start := time.Now()
		for range more {
			_ = p.Send("event", map[string]any{"name": "e"})
		}
		_ = p.Flushed()
		done <- time.Since(start)
		return idle(p)
	}, "")
	if took := <-done; took > 4*time.Second {
		t.Errorf("%d events took %v", more, took)
	}
	for range queue + more {
		<-heard
	}
}

func TestOnceWaitsForTheNext(t *testing.T) {
	s := newSite(t)
	e := newEmitter()
	path := "/instance/" + s.run("a.js", e.run, "")
	e.emit <- `{"name":"e","message":"old"}`
	s.get(path + "/event/e") // the Hub has it
	answered := make(chan string, 1)
	go func() {
		resp, err := http.Get(s.url + path + "/once/e")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		answered <- string(body)
	}()
	// It gets whichever comes after it was heard; all that come are new.
	for {
		select {
		case e.emit <- `{"name":"e","message":"new"}`:
		case got := <-answered:
			if got != "\"new\"\n" {
				t.Errorf("answered %q", got)
			}
			return
		case <-time.After(20 * time.Second):
			t.Fatal("no answer")
		}
	}
}

func TestWaitForAnEventEndsWithTheHub(t *testing.T) {
	s := newSite(t)
	e := newEmitter()
	path := "/instance/" + s.run("a.js", e.run, "")
	stream := s.reader(path + "/events/e")
	s.reopen()
	stream.end()
	e.emit <- `{"name":"e","message":1}` // which the new Hub hears
	if got := s.get(path + "/event/e").body; got != "1\n" {
		t.Errorf("last: %q", got)
	}
}
