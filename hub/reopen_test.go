package hub_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"waverider"
	"waverider/hub/journal"
)

func TestInstancesRunOnUnderAHubThatComesBack(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, `{"args":[1],"appConfig":{"k":"v"}}`)
	in := "/instance/" + id + "/input"
	s.want(http.StatusAccepted, "POST", in, "one ", "Content-Type", "text/plain", "x-end-stream", "false", "Waverider-Offset", "0")
	var before string
	for ok := false; !ok; { // the program says what its output is when it likes
		before = s.get("/instance/" + id).body
		ok = strings.Contains(before, `"output":{"offset":0,"contentType"`) || t.Context().Err() != nil
	}
	s.reopen()
	after := s.want(http.StatusOK, "GET", "/instance/"+id, "").body
	if strip(t, before) != strip(t, after) {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
	// Sent again, for nobody knows what the Hub had when it went.
	s.want(http.StatusOK, "POST", in, "one two", "Waverider-Offset", "0")
	if a := s.get("/instance/" + id + "/output"); a.body != "one two" {
		t.Errorf("output %q", a.body)
	}
	s.ended(id)
	if v := s.info(id); v.Status != "completed" || v.Epoch != 1 || v.Restarts != 0 || v.Input.Offset != 7 {
		t.Errorf("ended as %+v", v)
	}
	ended := s.get("/instance/" + id).body
	s.reopen()
	if again := s.get("/instance/" + id).body; strip(t, again) != strip(t, ended) {
		t.Errorf("%s\nbecame\n%s", ended, again)
	}
}

func TestAHubThatComesBackKnowsWhichInputAProgramHas(t *testing.T) {
	s := newSite(t)
	id := s.run("echo.js", echo, "")
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/input", "one ", "Content-Type", "text/plain", "x-end-stream", "false")
	for range 20 {
		s.reopen()
		if got := s.info(id).Input.Offset; got != 4 {
			t.Fatalf("the program has 4 bytes, the Hub says %d", got)
		}
	}
}

// strip takes off what only a running process has to tell.
func strip(t *testing.T, body string) string {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatal(err)
	}
	delete(v, "sandbox")
	for _, name := range []string{"input", "output"} {
		stream, _ := v[name].(map[string]any)
		delete(stream, "offset") // moves
		delete(stream, "ended")
	}
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestWhatEndedWhileTheHubWasAwayIsTold(t *testing.T) {
	s := newSite(t)
	end, gone := make(chan struct{}), make(chan struct{})
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		if _, err := p.Write([]byte("last words")); err != nil {
			return waverider.ExitKilled
		}
		<-end
		defer close(gone)
		return waverider.ExitProgram
	}, "")
	s.stop()
	close(end)
	<-gone
	s.open()
	s.ended(id)
	if v := s.info(id); v.Status != "errored" || v.Terminated.ExitCode != waverider.ExitProgram || v.Epoch != 1 {
		t.Errorf("ended as %+v %+v", v, v.Terminated)
	}
}

// A Hub that is killed right after the runtime has forgotten a process must not
// take an end that was seen for a loss.
func TestAnEndIsWrittenDownBeforeTheRuntimeForgetsIt(t *testing.T) {
	s := newSite(t)
	left := make(chan []byte, 1) // the journal as the killed Hub leaves it
	s.on.forgets = func() {
		data, err := os.ReadFile(filepath.Join(s.dir, "journal.db"))
		if err != nil {
			t.Error(err)
		}
		left <- data
	}
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		return p.finish(0)
	}, `{"restart":"on-failure"}`)
	path := filepath.Join(t.TempDir(), "journal.db")
	if err := os.WriteFile(path, <-left, 0o600); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	list, err := j.Instances()
	if err != nil || len(list) != 1 {
		t.Fatalf("%d instances, %v", len(list), err)
	}
	if rec := list[0]; rec.Status != waverider.StatusCompleted || len(rec.Handle) > 0 || rec.End == nil || rec.End.ExitCode != 0 {
		t.Errorf("instance %s was left as %s, handle %q, end %+v", id, rec.Status, rec.Handle, rec.End)
	}
}

// A Hub that dies before the runner has been told what to run leaves one that
// nobody will ever tell. It must not look like an Instance to the next Hub.
func TestARunIsWrittenDownOnceItsRunnerIsMet(t *testing.T) {
	s := newSite(t)
	s.on.path = filepath.Join(t.TempDir(), "later") // nobody answers there
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js")
	ctx, leave := context.WithCancel(t.Context())
	started := make(chan error, 1)
	h := s.hub
	go func() {
		_, err := h.Start(ctx, seq, waverider.StartRequest{})
		started <- err
	}()
	for len(s.on.all()) == 0 && ctx.Err() == nil {
		runtime.Gosched()
	}
	leave()
	if err := <-started; !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v", err)
	}
	s.reopen()
	if list := s.get("/instances").body; strings.TrimSpace(list) != "[]" {
		t.Errorf("instances %s", list)
	}
}

func TestLostInstancesFollowTheirPolicy(t *testing.T) {
	s := newSite(t)
	started := make(chan string, 4)
	s.on.on("a.js", func(p *proc) int {
		started <- string(p.Spec.Start.Instance)
		return idle(p)
	})
	seq := s.upload("", "", "a.js")
	never, again := s.start(seq, ""), s.start(seq, `{"restart":"on-failure"}`)
	<-started
	<-started
	s.stop()
	s.on.lose()
	s.open()
	if got := <-started; got != again {
		t.Errorf("%s was started, want %s", got, again)
	}
	s.ended(never)
	if v := s.info(never); v.Status != "errored" || v.Terminated.ExitCode != 137 || !strings.Contains(v.Terminated.Reason, "lost") {
		t.Errorf("what is never restarted: %+v %+v", v, v.Terminated)
	}
	if v := s.info(again); v.Epoch != 2 || v.Restarts != 1 {
		t.Errorf("what is restarted: %+v", v)
	}
}

func TestAStopGoesOnUnderAHubThatComesBack(t *testing.T) {
	s := newSite(t)
	asked := make(chan struct{}, 2)
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		for {
			if _, err := p.Expect("stop"); err != nil {
				return waverider.ExitKilled
			}
			asked <- struct{}{}
		}
	}, "")
	stopping := s.hub
	go func() {
		in, err := stopping.Instance(id)
		if err == nil {
			_ = in.Stop(t.Context(), 60e9, false)
		}
	}()
	<-asked
	s.reopen()
	if got := s.info(id).Status; got != "stopping" {
		t.Errorf("status %s", got)
	}
	<-asked // anew, by the new Hub
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", "")
	s.ended(id)
	if v := s.info(id); v.Terminated.ExitCode != 137 {
		t.Errorf("ended as %+v", v.Terminated)
	}
}

func TestSavedStateIsThereAtTheNextStart(t *testing.T) {
	s := newSite(t)
	saved, given := make(chan string, 2), make(chan string, 2)
	s.on.on("a.js", func(p *proc) int {
		given <- string(p.Spec.Start.State)
		p.ready()
		_ = p.Send("save", map[string]any{"id": 1, "state": map[string]any{"n": 5}})
		m, err := p.Expect("saved")
		if err != nil {
			return waverider.ExitKilled
		}
		saved <- string(m.Data)
		return idle(p)
	})
	id := s.start(s.upload("", "", "a.js"), `{"restart":"always"}`)
	if got := <-given; got != "" {
		t.Errorf("at first it has state %s", got)
	}
	if got := <-saved; strings.Contains(got, "error") || !strings.Contains(got, `"id":1`) {
		t.Errorf("answer to save: %s", got)
	}
	s.stop()
	s.on.lose()
	s.open()
	if got := <-given; got != `{"n":5}` {
		t.Errorf("after a power cut it has state %s", got)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", `{"removeImmediately":true}`)
}

// Output that nobody has read is on disk and acked once it has ended. The next
// Hub must have it from there, whether the program is still there or not.
func TestKeptOutputIsFoundByALaterHub(t *testing.T) {
	for _, left := range []bool{false, true} {
		s := newSite(t)
		written, leave, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
		id := s.run("a.js", func(p *proc) int {
			defer close(gone)
			p.ready()
			if _, err := p.Write([]byte("unread")); err != nil {
				return waverider.ExitKilled
			}
			code := p.finish(0)
			close(written)
			<-leave
			return code
		}, "")
		<-written
		s.stop()
		if left {
			close(leave)
			<-gone
		}
		for range 2 { // what is found is kept until somebody has it
			s.open()
			if a := s.info(id); !left && a.Output.Offset != 0 {
				t.Errorf("offset %d before anybody has read", a.Output.Offset)
			}
			s.stop()
		}
		s.open()
		if a := s.get("/instance/" + id + "/output"); a.body != "unread" {
			t.Errorf("program gone %v: output %q", left, a.body)
		}
		if !left {
			s.reopen()
			if a := s.get("/instance/" + id + "/output"); a.body != "" {
				t.Errorf("output is given again: %q", a.body)
			}
			close(leave)
		}
		s.ended(id)
		if v := s.info(id); v.Status != "completed" || v.Epoch != 1 {
			t.Errorf("ended as %+v", v)
		}
		s.stop()
	}
}

// Offsets go on over all runs, whatever died in between.
func TestOutputOfAnEarlierRunIsFoundByALaterHub(t *testing.T) {
	s := newSite(t)
	pieces := make(chan string, 3)
	for _, piece := range []string{"first ", "second ", "third "} {
		pieces <- piece
	}
	id := s.run("a.js", func(p *proc) int {
		p.ready()
		piece := <-pieces
		if _, err := p.Write([]byte(piece)); err != nil {
			return waverider.ExitKilled
		}
		if piece == "first " {
			return p.finish(waverider.ExitProgram)
		}
		return idle(p)
	}, `{"restart":"always"}`)
	running := func(epoch int) {
		for v := s.info(id); v.Epoch != epoch || v.Status != "running"; v = s.info(id) {
			if t.Context().Err() != nil {
				t.Fatalf("not running again: %+v", v)
			}
		}
	}
	running(2)
	s.reopen()
	r := s.reader("/instance/" + id + "/output")
	r.next("first second ")
	_ = r.resp.Body.Close()
	s.stop()
	s.on.lose()
	s.open()
	running(3)
	r = s.reader("/instance/" + id + "/output")
	r.next("third ")
	if got := r.offset(); got == "0" {
		t.Error("the offset begins anew")
	}
	_ = r.resp.Body.Close()
}

// The folder of a program is its own, whatever it calls its files and whatever
// it removes there.
func TestTheFilesOfAProgramAreItsOwn(t *testing.T) {
	s := newSite(t)
	made := make(chan string, 1)
	id := s.run("a.js", func(p *proc) int {
		file := filepath.Join(p.Spec.Dir, "output.csv")
		if err := errors.Join(os.RemoveAll(p.Spec.Dir), os.MkdirAll(p.Spec.Dir, 0o700), os.WriteFile(file, []byte("mine"), 0o600)); err != nil {
			t.Error(err)
		}
		made <- file
		p.ready()
		p.print("stdout", "printed")
		if _, err := p.Write([]byte("unread")); err != nil {
			return waverider.ExitKilled
		}
		return p.finish(0)
	}, "")
	s.ended(id)
	s.reopen()
	if text, err := os.ReadFile(<-made); string(text) != "mine" {
		t.Errorf("the program's own file: %q, %v", text, err)
	}
	if a := s.get("/instance/" + id + "/output"); a.body != "unread" {
		t.Errorf("output %q", a.body)
	}
	if a := s.get("/instance/" + id + "/stdout?from=start"); a.body != "printed\n" {
		t.Errorf("stdout %q", a.body)
	}
	s.want(http.StatusAccepted, "POST", "/instance/"+id+"/_kill", `{"removeImmediately":true}`)
	s.stop() // with it the removal is through
	for _, sub := range []string{"slots", "kept"} {
		if left, _ := os.ReadDir(filepath.Join(s.dir, sub)); len(left) != 0 {
			t.Errorf("%s is left with %v", sub, left)
		}
	}
}

func TestADataDirHasOneHub(t *testing.T) {
	s := newSite(t)
	if d, err := openData(s.dir); err == nil {
		_ = d.Close()
		t.Error("a second Hub has the data dir")
	} else if !strings.Contains(err.Error(), "in use by another Hub") {
		t.Error(err)
	}
}
