package hub_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"waverider"
	"waverider/hub"
	"waverider/runtime"
)

func TestIdentifyGivesASequenceItsID(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	one, two := s.program("demo", "1.0.0", "a.js"), s.program("demo", "2.0.0", "a.js")
	identify := func(id, data string, changed bool, revision int) {
		t.Helper()
		seq, got, err := s.hub.Identify(t.Context(), waverider.SequenceID(id), strings.NewReader(data))
		if err != nil || string(seq.ID) != id || got != changed || seq.Newest().Number != revision {
			t.Fatalf("%+v, changed %t, %v; want changed %t and revision %d", seq, got, err, changed, revision)
		}
	}
	identify("my-sequence", one, true, 1)
	identify("my-sequence", one, false, 1)
	s.reopen()
	s.start("my-sequence", "{}")
	identify("my-sequence", two, true, 2)
	// What stands there since before an update does not undo the update.
	identify("my-sequence", one, false, 2)
	identify("another", one, true, 1)

	for _, id := range []string{"", ".", "..", "a/b", "-x", "ä", strings.Repeat("x", 129)} {
		if _, _, err := s.hub.Identify(t.Context(), waverider.SequenceID(id), strings.NewReader(one)); waverider.KindOf(err) != waverider.Invalid {
			t.Errorf("id %q: %v", id, err)
		}
	}
	if _, _, err := s.hub.Identify(t.Context(), "broken", strings.NewReader("no package")); waverider.KindOf(err) != waverider.Unprocessable {
		t.Errorf("no package: %v", err)
	}
	if n := len(s.hub.Sequences()); n != 2 {
		t.Errorf("%d Sequences, want 2", n)
	}
}

func TestTheHubGivesProgramsVariablesAndLimits(t *testing.T) {
	s := newSite(t, func(c *hub.Config) {
		c.Env, c.Limits = map[string]string{"PLANT": "north"}, waverider.Limits{Memory: 100, PIDs: 10}
	})
	specs := make(chan runtime.Spec, 1)
	s.on.on("a.js", func(p *proc) int {
		specs <- p.Spec
		return echo(p)
	})
	seq := s.upload("", "", "a.js", "waverider", `{"limits":{"pids":20}}`)
	id := s.start(seq, "{}")
	spec := <-specs
	if env := spec.Start.Env; env["INSTANCE_ID"] != id || env["SEQUENCE_PATH"] != filepath.Join(spec.Package, "a.js") {
		t.Errorf("the program is told %v", env)
	}
	if want := (waverider.Limits{Memory: 100, PIDs: 20}); spec.Limits != want || spec.Grants.Env["PLANT"] != "north" {
		t.Errorf("%+v, %v", spec.Limits, spec.Grants.Env)
	}
	s.start(seq, `{"limits":{"memory":7}}`)
	if spec := <-specs; spec.Limits.Memory != 7 {
		t.Errorf("a start's own limit counts for %d", spec.Limits.Memory)
	}
}

func TestAwaitIdle(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	if err := s.hub.AwaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
	seq := s.upload("", "", "a.js")
	ids := []string{s.start(seq, "{}"), s.start(seq, "{}")}
	idle := make(chan error, 1)
	go func() { idle <- s.hub.AwaitIdle(t.Context()) }()
	for _, id := range ids {
		if len(idle) != 0 {
			t.Errorf("idle before %s has ended", id)
		}
		s.want(202, "POST", "/instance/"+id+"/_kill", "{}")
	}
	if err := <-idle; err != nil {
		t.Error(err)
	}
}

// Copies of a folder have ids of their own and one name: that of the first is not
// taken for the second when its deletion is sent again.
func TestADeletionSentAgainDoesNotGoByName(t *testing.T) {
	s := newSite(t)
	for id, version := range map[string]string{"order": "1.0.0", "copy": "2.0.0"} {
		if _, _, err := s.hub.Identify(t.Context(), waverider.SequenceID(id), strings.NewReader(s.program("order", version, "a.js"))); err != nil {
			t.Fatal(err)
		}
	}
	s.want(http.StatusOK, "DELETE", "/sequence/order", "")
	s.want(http.StatusNotFound, "DELETE", "/sequence/order", "")
	if id := s.get("/sequence/order").field(t, "id"); id != "copy" {
		t.Errorf("order is %s", id)
	}
	if _, _, err := s.hub.Identify(t.Context(), "order", strings.NewReader(s.program("order", "1.0.0", "a.js"))); err != nil {
		t.Fatal(err)
	}
	s.want(http.StatusOK, "DELETE", "/sequence/order", "")
	s.want(http.StatusOK, "DELETE", "/sequence/copy", "")
}

// Who deletes a Sequence again, since the first answer was lost, must not delete
// the one whose given id begins with the same word.
func TestAnIDThatWasGivenIsNotCutShort(t *testing.T) {
	s := newSite(t)
	for id, version := range map[string]string{"order": "1.0.0", "order-old": "2.0.0"} {
		if _, _, err := s.hub.Identify(t.Context(), waverider.SequenceID(id), strings.NewReader(s.program("of-"+id, version, "a.js"))); err != nil {
			t.Fatal(err)
		}
	}
	s.want(http.StatusOK, "DELETE", "/sequence/order", "")
	for _, ref := range []string{"order", "order-", "order-ol"} {
		s.want(http.StatusNotFound, "DELETE", "/sequence/"+ref, "")
		s.want(http.StatusNotFound, "POST", "/sequence/"+ref+"/start", "{}")
	}
	s.want(http.StatusOK, "GET", "/sequence/order-old", "")
}
