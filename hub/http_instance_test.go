package hub_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/hub"
)

// echo reads input and writes it out again until the input ends.
func echo(p *proc) int {
	p.ready()
	p.produces("application/octet-stream")
	if p.Echo() != nil || p.Drain() != nil {
		return waverider.ExitKilled
	}
	return 0
}

// idle is loaded and does nothing until it is killed.
func idle(p *proc) int {
	p.ready()
	<-p.killed
	return waverider.ExitKilled
}

func TestProgramGetsInputAndItsOutputIsRead(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, `{}`)
	if got := s.info(id).Status; got != "running" {
		t.Fatalf("status after start: %s", got)
	}
	s.want(http.StatusOK, "POST", "/instance/"+id+"/input", "hello", "Content-Type", "text/plain")
	if out := s.get("/instance/" + id + "/output"); out.body != "hello" || out.header.Get("Waverider-Offset") != "0" {
		t.Errorf("output %q from %s", out.body, out.header.Get("Waverider-Offset"))
	}
	s.ended(id)
	v := s.info(id)
	if v.Status != "completed" || v.Terminated == nil || v.Terminated.ExitCode != 0 || v.Terminated.Reason != "Instance completed" {
		t.Errorf("after the end: %+v", v)
	}
	if v.Input.Offset != 5 || v.Input.ContentType != "text/plain" || v.Output.Offset != 5 {
		t.Errorf("offsets after the end: input %+v, output %+v", v.Input, v.Output)
	}
}

func TestStartThatIsRefused(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js")
	taken := s.start(seq, `{"instanceId":"taken-0000-0000-0000-000000000000000"}`)
	for body, status := range map[string]int{
		`{"instanceId":"short"}`:                            http.StatusBadRequest,
		`{"instanceId":"` + strings.Repeat("é", 18) + `"}`:  http.StatusBadRequest,
		`{"instanceId":"` + strings.Repeat("/", 36) + `"}`:  http.StatusBadRequest,
		`{"instanceId":".` + strings.Repeat("a", 35) + `"}`: http.StatusBadRequest,
		`{"instanceId":5}`:                                  http.StatusBadRequest,
		`{"args":"text"}`:                                   http.StatusBadRequest,
		`{"args":{}}`:                                       http.StatusBadRequest,
		`{"appConfig":[]}`:                                  http.StatusBadRequest,
		`{"restart":"sometimes"}`:                           http.StatusBadRequest,
		`{"limits":{"memory":-1}}`:                          http.StatusBadRequest,
		`{"limits":{"memory":"much"}}`:                      http.StatusBadRequest,
		`{"limits":{"memory":9000000000000000000}}`:         http.StatusBadRequest,
		`{"limits":{"cpu":1e300}}`:                          http.StatusBadRequest,
		`{"limits":{"pids":2000000000}}`:                    http.StatusBadRequest,
		`{`:                                                 http.StatusBadRequest,
		`"text"`:                                            http.StatusBadRequest,
		`5`:                                                 http.StatusBadRequest,
		`[{"args":[1]}]`:                                    http.StatusBadRequest,
		`{"instanceId":"` + taken + `"}`:                    http.StatusConflict,
	} {
		a := s.call("POST", "/sequence/"+seq+"/start", body, "Content-Type", "application/json")
		if a.status != status || a.field(t, "error") == "" || a.field(t, "result") != "error" {
			t.Errorf("%s: %d %s", body, a.status, a.body)
		}
	}
	s.want(http.StatusNotFound, "POST", "/sequence/nope/start", "{}")
	s.want(http.StatusUnsupportedMediaType, "POST", "/sequence/"+seq+"/start", "{}", "Content-Type", "text/plain")
	if got := s.get("/sequence/" + seq + "/instances").body; got != fmt.Sprintf("[%q]\n", taken) {
		t.Errorf("Instances: %s", got)
	}
}

func TestStartTakesWhatIsEmpty(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js", "args", `["of the package"]`)
	for body, args := range map[string]string{
		"": "", "{}": "", "null": "", "[]": "", `{"args":null,"appConfig":null}`: "", `{"args":[]}`: "[]", `{"args":[1]}`: "[1]",
	} {
		id := s.start(seq, body)
		if got := string(s.info(id).Args); got != args {
			t.Errorf("%q: args %q", body, got)
		}
	}
}

func TestProgramIsGivenArgsAndConfig(t *testing.T) {
	s := newSite(t)
	got := make(chan string, 1)
	s.on.on("a.js", func(p *proc) int {
		got <- fmt.Sprintf("%s %s %s", p.Spec.Start.Args, p.Spec.Start.Config, p.Spec.Start.Instance)
		p.ready()
		return p.finish(0)
	})
	seq := s.upload("", "", "a.js", "args", `["of the package"]`)
	for body, want := range map[string]string{
		`{}`:                              `["of the package"] `,
		`{"args":[1,{"a":2}]}`:            `[1,{"a":2}] `,
		`{"args":[],"appConfig":{"k":1}}`: `[] {"k":1}`,
	} {
		id := s.start(seq, body)
		if text := <-got; text != want+" "+id {
			t.Errorf("%s: the program got %s", body, text)
		}
	}
}

func TestStartThatFailsSaysWhy(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		name     string
		run      program
		status   int
		words    string
		exitcode string
	}{
		{"missing.js", nil, http.StatusBadRequest, "Sequence entrypoint path missing.js is invalid. Check `main` field in Sequence package.json", "21"},
		{"load.js", func(p *proc) int { return p.fail("load", waverider.ExitLoad, "x is not defined") }, http.StatusBadRequest, "Sequence failed on start: x is not defined", "22"},
		{"env.js", func(*proc) int { return waverider.ExitEnvironment }, http.StatusBadRequest, "Runner was started with invalid configuration", "20"},
		{"runner.js", func(*proc) int { return waverider.ExitRunner }, http.StatusInternalServerError, "Runner failed", "11"},
	} {
		if c.run != nil {
			s.on.on(c.name, c.run)
		}
		seq := s.upload("", "", c.name)
		a := s.call("POST", "/sequence/"+seq+"/start", "{}")
		if a.status != c.status || a.field(t, "error") != c.words || a.field(t, "exitcode") != c.exitcode {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
		v := s.info(a.field(t, "id"))
		if v.Status != "errored" || fmt.Sprint(v.Terminated.ExitCode) != c.exitcode {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
}

func TestStartOnARuntimeThatRefuses(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js")
	s.on.refuseStarts(waverider.Errorf(waverider.Unprocessable, "no such language here"))
	a := s.call("POST", "/sequence/"+seq+"/start", `{"restart":"always"}`)
	if a.status < 400 || !strings.Contains(a.field(t, "error"), "no such language here") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.on.refuseStarts(errors.New("secret path /x"))
	a = s.call("POST", "/sequence/"+seq+"/start", "{}")
	if a.status != http.StatusInternalServerError {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestAnEndedInstanceGivesItsIDFree(t *testing.T) {
	s := newSite(t)
	const id = "again-0000-0000-0000-000000000000000"
	for range 5 {
		s.run("a.js", func(p *proc) int {
			p.ready()
			return p.finish(0)
		}, `{"instanceId":"`+id+`"}`)
		s.ended(id)
	}
	if v := s.info(id); v.Epoch != 1 {
		t.Errorf("a new Instance starts with epoch %d", v.Epoch)
	}
}

func TestSlowStartIsAnsweredBeforeItIsLoaded(t *testing.T) {
	s := newSite(t, func(c *hub.Config) { c.StartTimeout = time.Millisecond })
	load := make(chan struct{})
	s.on.on("a.js", func(p *proc) int {
		<-load
		return idle(p)
	})
	id := s.start(s.upload("", "", "a.js"), "")
	if got := s.info(id).Status; got != "starting" {
		t.Errorf("status %s", got)
	}
	close(load)
}

func TestMonitoringRateReachesTheProgram(t *testing.T) {
	s := newSite(t)
	got := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		for {
			m, err := p.Expect("monitoring")
			if err != nil {
				return waverider.ExitKilled
			}
			got <- string(m.Data)
		}
	}, "")
	path := "/instance/" + id + "/_monitoring_rate"
	// What a timer of the runner cannot do would keep the program busy.
	for rate, want := range map[string]string{"2.5": "2.5", "0": "0", "1e308": "1000", "1e-300": "0.000001", "1000": "1000"} {
		a := s.want(http.StatusAccepted, "POST", path, `[4003,{"monitoringRate":`+rate+`}]`)
		if text := <-got; !strings.Contains(text, `"rate":`+want+`}`) && !strings.Contains(text, `"rate":`+want+`,`) || a.body != `{"accepted":true}`+"\n" {
			t.Errorf("%s: the program was told %s, the caller %s", rate, text, a.body)
		}
	}
	for _, wrong := range []string{"-1", "1e400", `"1"`, "null", "[]"} {
		s.want(http.StatusBadRequest, "POST", path, `{"monitoringRate":`+wrong+`}`)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", "")
}

func TestHealth(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		_ = p.Send("health", map[string]any{"healthy": true})
		return idle(p)
	}, "")
	a := s.get("/instance/" + id + "/health") // waits for the first word
	if a.field(t, "healthy") != "true" || a.field(t, "processId") != "4711" || a.field(t, "status") != "running" {
		t.Errorf("health is %s", a.body)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", "")
	s.ended(id)
	s.want(http.StatusGone, "GET", "/instance/"+id+"/health", "")
}
