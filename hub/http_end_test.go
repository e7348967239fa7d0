package hub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"waverider"
	"waverider/hub"
)

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
