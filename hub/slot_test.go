package hub_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"waverider"
)

const slotID = "again-0000-0000-0000-000000000000000"

// keeps is a program that says what state it is given, and saves another.
func keeps(given chan<- string) program {
	return func(p *proc) int {
		given <- string(p.Spec.Start.State)
		p.ready()
		_ = p.Send("save", map[string]any{"id": 1, "state": map[string]any{"n": 5}})
		if _, err := p.Expect("saved"); err != nil {
			return waverider.ExitKilled
		}
		return p.finish(0)
	}
}

func TestSavedStateStaysWithItsSlot(t *testing.T) {
	s := newSite(t)
	given := make(chan string, 1)
	s.on.on("a.js", keeps(given))
	seq := s.upload("", "", "a.js")
	again := func(seq, what, want string) {
		t.Helper()
		s.start(seq, `{"instanceId":"`+slotID+`"}`)
		if got := <-given; got != want {
			t.Errorf("%s: given the state %q, want %q", what, got, want)
		}
		s.ended(slotID)
	}
	again(seq, "the first start", "")
	again(seq, "the next one", `{"n":5}`)
	s.want(http.StatusOK, "DELETE", "/instance/"+slotID, "")
	again(seq, "after the Instance was removed", "")
	again(s.upload("", "", "a.js"), "another Sequence", "")
}

func TestFilesOfAProgramStayWithItsSlot(t *testing.T) {
	s := newSite(t)
	found := make(chan bool, 1)
	s.on.on("a.js", func(p *proc) int {
		name := filepath.Join(p.Spec.Dir, "cache.db")
		_, err := os.Stat(name)
		found <- err == nil
		if err := errors.Join(os.MkdirAll(p.Spec.Dir, 0o700), os.WriteFile(name, nil, 0o600)); err != nil {
			t.Error(err)
		}
		p.ready()
		return p.finish(0)
	})
	seq := s.upload("", "", "a.js")
	again := func(seq, what string, want bool) {
		t.Helper()
		s.start(seq, `{"instanceId":"`+slotID+`"}`)
		if got := <-found; got != want {
			t.Errorf("%s: the file is there: %v, want %v", what, got, want)
		}
		s.ended(slotID)
	}
	again(seq, "the first start", false)
	again(seq, "the next one", true)
	s.want(http.StatusOK, "DELETE", "/instance/"+slotID, "")
	again(seq, "after the Instance was removed", false)
	again(s.upload("", "", "a.js"), "another Sequence", false)
}

func TestStartWaitsForTheSlotOfAKilledInstance(t *testing.T) {
	s := newSite(t)
	given := make(chan string, 1)
	old, gone := make(chan struct{}), make(chan struct{})
	s.on.on("old.js", func(p *proc) int {
		p.ready()
		<-p.killed
		close(old)
		<-gone // a process takes its time to go
		return waverider.ExitKilled
	})
	s.on.on("a.js", keeps(given))
	s.start(s.upload("", "", "old.js"), `{"instanceId":"`+slotID+`"}`)
	seq := s.upload("", "", "a.js")
	s.want(http.StatusAccepted, "POST", "/instance/"+slotID+"/_kill", `{"removeImmediately":true}`)
	<-old
	started := make(chan answer, 1)
	go func() { started <- s.call("POST", "/sequence/"+seq+"/start", `{"instanceId":"`+slotID+`"}`) }()
	close(gone)
	if a := <-started; a.status != http.StatusOK {
		t.Fatalf("%d %s", a.status, a.body)
	}
	<-given
	s.ended(slotID)
	// What the old one left is gone, and what the new one has is not.
	s.reopen()
	if v := s.info(slotID); v.Status != "completed" {
		t.Errorf("the next Hub knows it as %+v", v)
	}
	if a := s.get("/instance/" + slotID + "/log"); !strings.Contains(a.body, "Instance ended") {
		t.Errorf("its log: %d %q", a.status, a.body)
	}
}

// What was removed stays away, whoever was writing it down at that time.
func TestARemovedInstanceDoesNotComeBack(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js")
	for range 30 {
		in, err := s.hub.Instance(s.start(seq, ""))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _ = in.Kill(t.Context(), false) })
		}
		wg.Go(func() {
			if err := s.hub.Remove(t.Context(), in); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
	}
	s.reopen()
	if got := s.get("/instances").body; got != "[]\n" {
		t.Errorf("came back: %s", got)
	}
}
