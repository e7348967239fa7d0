package hub_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider"
)

// stoppable handles a stop as handle says.
func stoppable(handle func(p *proc) int) program {
	return func(p *proc) int {
		p.ready()
		if _, err := p.Expect("stop"); err != nil {
			return waverider.ExitKilled
		}
		return handle(p)
	}
}

func TestStopAnswersWhenTheInstanceHasEnded(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", stoppable(func(p *proc) int {
		_ = p.Send("stopped", nil)
		return p.finish(0)
	}), "")
	began := time.Now()
	a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", `{"timeout":60000}`)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("answered after %v", took)
	}
	var v struct {
		Status     string
		Terminated struct {
			ExitCode int
			Reason   string
		}
	}
	a.into(t, &v)
	if v.Status != "completed" || v.Terminated.ExitCode != 0 || v.Terminated.Reason != "Instance stopped" {
		t.Errorf("answered %s", a.body)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", "") // again is no error
	if got := s.info(id).Status; got != "completed" {
		t.Errorf("a stop after the end left it %s", got)
	}
}

func TestStopEndsWhatDoesNotEnd(t *testing.T) {
	s := newSite(t)
	for name, handle := range map[string]func(p *proc) int{
		"unaware.js": func(p *proc) int {
			_ = p.Send("stopped", map[string]any{"unaware": true})
			for {
				select {
				case <-p.killed:
					return 0
				case <-time.After(10 * time.Millisecond):
					_, _ = p.Write([]byte("x"))
				}
			}
		},
		"never.js":   func(p *proc) int { <-p.killed; return 0 },
		"handled.js": func(p *proc) int { _ = p.Send("stopped", nil); <-p.killed; return 0 },
	} {
		id := s.run(name, stoppable(handle), "")
		timeout := `{"timeout":50}`
		if name != "never.js" {
			timeout = `{"timeout":60000}` // a program that is done and does nothing is not waited for
		}
		began := time.Now()
		a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", timeout)
		if a.field(t, "status") != "completed" || !strings.Contains(a.field(t, "terminated"), `"exitcode":138`) {
			t.Errorf("%s: %s", name, a.body)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: answered after %v", name, took)
		}
	}
}

func TestStopEndsTheInputOfWhatReadsOnlyThat(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", stoppable(func(p *proc) int {
		_ = p.Send("stopped", nil)
		if p.Echo() != nil || p.Drain() != nil {
			return waverider.ExitKilled
		}
		return 0
	}), "")
	a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", `{"timeout":60000}`)
	if !strings.Contains(a.field(t, "terminated"), `"exitcode":0`) {
		t.Errorf("answered %s", a.body)
	}
}

func TestKeepAlivePutsOffTheEnd(t *testing.T) {
	s := newSite(t)
	const asked = 700 * time.Millisecond
	died := make(chan time.Duration, 1)
	keep := stoppable(func(p *proc) int {
		began := time.Now()
		_ = p.Send("keepAlive", map[string]any{"ms": asked.Milliseconds()})
		<-p.killed
		died <- time.Since(began)
		return 0
	})
	id := s.run("a.js", keep, "")
	a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", `{"timeout":100,"canCallKeepalive":true}`)
	if a.field(t, "status") != "stopping" {
		t.Errorf("with keepAlive the stop answered %s", a.field(t, "status"))
	}
	if lived := <-died; lived < asked-50*time.Millisecond {
		t.Errorf("asked for %v, lived %v", asked, lived)
	}
	s.ended(id)
	if v := s.info(id); v.Status != "completed" || v.Terminated.ExitCode != 138 {
		t.Errorf("ended as %+v", v)
	}

	id = s.run("a.js", keep, "")
	a = s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", `{"timeout":100,"canCallKeepalive":false}`)
	if lived := <-died; a.field(t, "status") != "completed" || lived >= asked {
		t.Errorf("without leave to keep alive it lived %v, answer %s", lived, a.field(t, "status"))
	}
}

func TestAHubInAHurryDoesNotWaitForStopHandlers(t *testing.T) {
	s := newSite(t)
	asked := make(chan struct{})
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		if _, err := p.Expect("stop"); err == nil {
			close(asked)
		}
		<-p.killed
		return waverider.ExitKilled
	}, "")
	closed := make(chan error, 1)
	go func() { closed <- s.hub.Close(true, time.Hour) }()
	<-asked
	s.hub.Hurry()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	s.reopen()
	if v := s.info(id); v.Status != "completed" || v.Terminated.ExitCode != 137 {
		t.Errorf("ended as %+v", v)
	}
}

func TestStopInTheOldForm(t *testing.T) {
	s := newSite(t)
	got := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		m, err := p.Expect("stop")
		if err != nil {
			return waverider.ExitKilled
		}
		got <- string(m.Data)
		return p.finish(0)
	}, "")
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", ` [4001, {"timeout": 1234, "canCallKeepalive": true}]`, "Content-Type", "application/json")
	if text := <-got; !strings.Contains(text, `"timeout":1234`) || !strings.Contains(text, `"canCallKeepalive":true`) {
		t.Errorf("the program was told %s", text)
	}
}

func TestStopAndKillCheckTheirOptions(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", idle, "")
	for _, c := range [][3]string{
		{"_stop", `{"timeout":"x"}`, "Invalid timeout format"},
		{"_stop", `{"timeout":-1}`, "Invalid timeout format"},
		{"_stop", `{"timeout":1e300}`, "Invalid timeout format"},
		{"_stop", `{"canCallKeepalive":1}`, "Invalid canCallKeepalive format"},
		{"_stop", `5`, "the JSON body is not right: want an object"},
		{"_kill", `[4002]`, "the JSON body is not right: want an object"},
		{"_kill", `[4002, "now"]`, "the JSON body is not right: want an object"},
		{"_kill", `{"removeImmediately":"yes"}`, "Invalid removeImmediately format"},
		{"_monitoring_rate", `[4003,{"monitoringRate":-1}]`, "monitoringRate: want a number of messages per second, 0 or more"},
		{"_monitoring_rate", `{}`, "monitoringRate: want a number of messages per second, 0 or more"},
		{"_monitoring_rate", `[4001,{}]`, "Bad message: want [4003, {…}]"},
	} {
		a := s.want(http.StatusBadRequest, "POST", "/instance/"+id+"/"+c[0], c[1])
		if a.field(t, "error") != c[2] {
			t.Errorf("%s %s: %s", c[0], c[1], a.body)
		}
	}
	if got := s.info(id).Status; got != "running" {
		t.Errorf("status %s", got)
	}
}

func TestKill(t *testing.T) {
	s := newSite(t)
	handled := make(chan struct{})
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		if _, err := p.Expect("kill"); err == nil {
			close(handled)
		}
		<-p.killed
		return 0
	}, "")
	if a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", ""); a.field(t, "status") != "killing" {
		t.Errorf("answered %s", a.body)
	}
	<-handled
	s.ended(id)
	if v := s.info(id); v.Status != "completed" || v.Terminated.ExitCode != 137 || v.Terminated.Reason != "Instance killed" {
		t.Errorf("ended as %+v", v)
	}
	a := s.want(http.StatusBadRequest, "POST", "/instance/"+id+"/_kill", "")
	if a.field(t, "error") != "Instance not running" {
		t.Errorf("a second kill: %s", a.body)
	}
}

func TestKillAndRemoveIsGoneAtOnce(t *testing.T) {
	s := newSite(t)
	for name, body := range map[string]string{"object": `{"removeImmediately":true}`, "old form": `[4002,{"removeImmediately":true}]`} {
		id := s.run("a.js", idle, "")
		s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", body)
		s.want(http.StatusNotFound, "GET", "/instance/"+id, "")
		if list := s.get("/instances").body; list != "[]\n" {
			t.Errorf("%s: Instances %s", name, list)
		}
	}
}

func TestStopBetweenTwoRuns(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		return p.finish(1)
	}, `{"restart":"always"}`)
	for s.info(id).Status != "restarting" { // half a second long, then longer each time
		s.get("/instance/" + id)
	}
	a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_stop", "")
	if a.field(t, "status") != "completed" {
		t.Errorf("stopped, it is %s", a.body)
	}
}
