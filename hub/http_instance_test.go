package hub_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
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
		`{`:                                                 http.StatusBadRequest,
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
		"never.js":   func(p *proc) int { <-p.killed; return 0 },
		"handled.js": func(p *proc) int { _ = p.Send("stopped", nil); <-p.killed; return 0 },
	} {
		id := s.run(name, stoppable(handle), "")
		timeout := `{"timeout":50}`
		if name == "handled.js" {
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

func TestDeleteOfAnInstance(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", idle, "")
	a := s.want(http.StatusConflict, "DELETE", "/instance/"+id, "")
	if !strings.Contains(a.field(t, "error"), "running") {
		t.Errorf("refused with %s", a.body)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", "")
	s.ended(id)
	s.want(http.StatusOK, "DELETE", "/instance/"+id, "")
	s.want(http.StatusNotFound, "DELETE", "/instance/"+id, "")
}

func TestMonitoringRateReachesTheProgram(t *testing.T) {
	s := newSite(t)
	got := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		if m, err := p.Expect("monitoring"); err == nil {
			got <- string(m.Data)
		}
		return idle(p)
	}, "")
	a := s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_monitoring_rate", `[4003,{"monitoringRate":2.5}]`)
	if text := <-got; !strings.Contains(text, `"rate":2.5`) || a.body != `{"accepted":true}`+"\n" {
		t.Errorf("the program was told %s, the caller %s", text, a.body)
	}
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

func TestEndOfAProgramIsTold(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		name          string
		code          int
		status, words string
	}{
		{"zero.js", 0, "completed", "Instance completed"},
		{"seven.js", 7, "errored", "Runner failed"},
		{"program.js", waverider.ExitProgram, "errored", "Sequence failed during execution"},
		{"uncaught.js", waverider.ExitUncaught, "errored", "Runner failed"},
	} {
		id := s.run(c.name, func(p *proc) int {
			p.ready()
			if c.code != 0 {
				_ = p.fail("run", c.code, "words of "+c.name)
			}
			return c.code
		}, "")
		s.ended(id)
		v := s.info(id)
		if v.Status != c.status || v.Terminated.ExitCode != c.code || v.Terminated.Reason != c.words {
			t.Errorf("%s: %+v %+v", c.name, v, v.Terminated)
		}
		if c.code != 0 && v.Error != "words of "+c.name {
			t.Errorf("%s: error %q", c.name, v.Error)
		}
	}
}

func TestASignalIsAFailure(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", idle, "")
	s.on.killAll() // not by the Hub
	s.ended(id)
	if v := s.info(id); v.Status != "errored" || v.Terminated.ExitCode != 137 || !strings.HasPrefix(v.Terminated.Reason, "Instance ended by ") {
		t.Errorf("ended as %+v %+v", v, v.Terminated)
	}
}

func TestRestartPolicies(t *testing.T) {
	s := newSite(t)
	for _, c := range []struct {
		policy string
		code   int
		again  bool
	}{{"never", 1, false}, {"on-failure", 0, false}, {"on-failure", 1, true}, {"always", 0, true}, {"always", waverider.ExitLoad, false}} {
		name, first, second := fmt.Sprintf("%s-%d.js", c.policy, c.code), true, make(chan struct{})
		id := s.run(name, func(p *proc) int { // one run at a time
			p.ready()
			if first {
				first = false
				return p.finish(c.code)
			}
			close(second)
			return idle(p)
		}, `{"restart":"`+c.policy+`"}`)
		if !c.again {
			s.ended(id)
			if v := s.info(id); v.Restarts != 0 || v.Epoch != 1 {
				t.Errorf("%s: started again: %+v", name, v)
			}
			continue
		}
		<-second
		if v := s.info(id); v.Restarts != 1 || v.Epoch != 2 || v.Restart != c.policy {
			t.Errorf("%s: %+v", name, v)
		}
		s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", "")
		s.ended(id)
		if v := s.info(id); v.Status != "completed" || v.Terminated.ExitCode != 137 {
			t.Errorf("%s: killed, it is %+v", name, v)
		}
	}
}

func TestRestartOfThePackageAndOfTheHub(t *testing.T) {
	s := newSite(t, func(c *hub.Config) { c.Restart = waverider.RestartAlways })
	s.on.on("a.js", idle)
	plain := s.upload("", "", "a.js")
	own := s.upload("", "", "a.js", "waverider", `{"restart":"on-failure"}`)
	for _, c := range [][3]string{{plain, "", "always"}, {own, "", "on-failure"}, {own, `{"restart":"never"}`, "never"}} {
		if got := s.info(s.start(c[0], c[1])).Restart; got != c[2] {
			t.Errorf("%s: %s, want %s", c[1], got, c[2])
		}
	}
}

func TestTextsGoOnOverARestart(t *testing.T) {
	s := newSite(t)
	runs := 0 // one run at a time
	id := s.run("a.js", func(p *proc) int {
		runs++
		p.ready()
		p.print("stdout", fmt.Sprintf("run %d", runs))
		if runs == 1 {
			return p.finish(1)
		}
		return p.finish(0)
	}, `{"restart":"on-failure"}`)
	r := s.reader("/instance/" + id + "/stdout?from=start")
	r.next("run 1\nrun 2\n")
	r.end()
	if v := s.info(id); v.Status != "completed" || v.Restarts != 1 {
		t.Errorf("ended as %+v", v)
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

func TestEndedInstancesAreKeptInNumber(t *testing.T) {
	s := newSite(t, func(c *hub.Config) { c.MaxEnded = 2 })
	s.on.on("a.js", func(p *proc) int {
		p.ready()
		return p.finish(0)
	})
	seq := s.upload("", "", "a.js")
	var ids []string
	for range 4 {
		ids = append(ids, s.start(seq, ""))
		s.ended(ids[len(ids)-1])
	}
	s.reopen() // what was under way is done
	for i, id := range ids {
		want := http.StatusOK
		if i < 2 {
			want = http.StatusNotFound
		}
		s.want(want, "GET", "/instance/"+id, "")
	}
}

func TestEndedInstancesAreKeptForATime(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		return p.finish(0)
	}, "")
	s.ended(id)
	s.stop()
	ended := time.Now()
	synctest.Test(t, func(t *testing.T) {
		// Inside, the clock starts in 2000 and does not tick while work goes on.
		time.Sleep(time.Until(ended))
		data, err := hub.OpenDataDir(s.dir)
		if err != nil {
			t.Fatal(err)
		}
		defer data.Close()
		h, err := hub.Open(t.Context(), hub.Config{DataDir: data, Runtime: s.on, RetainEnded: 10 * time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = h.Run(t.Context())
		}()
		time.Sleep(9 * time.Minute)
		if n := len(h.Instances()); n != 1 {
			t.Errorf("after 9 of 10 minutes %d are listed", n)
		}
		time.Sleep(3 * time.Minute)
		if n := len(h.Instances()); n != 0 {
			t.Errorf("after 12 of 10 minutes %d are listed", n)
		}
		if err := h.Close(false, 0); err != nil {
			t.Error(err)
		}
	})
}
