package hub_test

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestLookupOfASequence(t *testing.T) {
	s := newSite(t)
	one := s.upload("demo", "1.0.0", "a.js")
	s.want(http.StatusOK, "PUT", "/sequence/"+one, s.program("demo", "1.1.0", "a.js"))
	twins := []string{s.upload("twin", "1.0.0", "a.js"), s.upload("twin", "2.0.0", "a.js")}
	slices.Sort(twins)
	for ref, want := range map[string]string{
		one: one, "demo": one, "demo@1.0.0": one, "demo@1.1.0": one, one[:4]: one, one[:20]: one, "twin@2.0.0": "",
	} {
		if got := s.get("/sequence/"+ref).field(t, "id"); want != "" && got != want {
			t.Errorf("%s is %s, want %s", ref, got, want)
		}
	}
	for _, ref := range []string{"nope", "demo@9", "demo@", "@1.0.0", one[:3], one + "x", "00000000-0000-0000-0000-000000000000"} {
		a := s.want(http.StatusNotFound, "GET", "/sequence/"+ref, "")
		if a.field(t, "error") != "Sequence "+ref+" not found" || a.field(t, "kind") != "not_found" {
			t.Errorf("%s: %s", ref, a.body)
		}
	}
	var clash struct{ Candidates []string }
	s.want(http.StatusConflict, "GET", "/sequence/twin", "").into(t, &clash)
	if !slices.Equal(clash.Candidates, twins) {
		t.Errorf("candidates %v, want %v", clash.Candidates, twins)
	}
}

func TestANameIsThatOfTheNewestRevision(t *testing.T) {
	s := newSite(t)
	id := s.upload("before", "1.0.0", "a.js")
	s.want(http.StatusOK, "PUT", "/sequence/before", s.program("after", "2.0.0", "a.js"))
	s.want(http.StatusNotFound, "GET", "/sequence/before", "")
	if got := s.get("/sequence/after").field(t, "id"); got != id {
		t.Errorf("after is %s", got)
	}
	if got := s.get("/sequence/before@1.0.0").field(t, "id"); got != id {
		t.Errorf("before@1.0.0 is %s", got)
	}
}

func TestReplaceAddsARevision(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	s.on.on("b.js", echo)
	id := s.upload("demo", "1.0.0", "a.js")
	old := s.start(id, "")
	put := func() string {
		return s.want(http.StatusOK, "PUT", "/sequence/demo", s.program("demo", "2.0.0", "b.js")).field(t, "revision")
	}
	if n := put(); n != "2" {
		t.Errorf("revision %s", n)
	}
	if n := put(); n != "2" { // the same package again
		t.Errorf("the same package is revision %s", n)
	}
	for ref, want := range map[string]int{"demo": 2, "demo@1.0.0": 1, id: 2} {
		if got := s.info(s.start(ref, "")).Revision; got != want {
			t.Errorf("%s runs revision %d, want %d", ref, got, want)
		}
	}
	if v := s.info(old); v.Revision != 1 || v.Status != "running" {
		t.Errorf("the Instance of before: %+v", v)
	}
	var v struct {
		Config    struct{ Version, EntrypointPath string }
		Revisions []struct {
			Number  int
			Version string
			Digest  string
		}
	}
	s.get("/sequence/"+id).into(t, &v)
	if v.Config.Version != "2.0.0" || v.Config.EntrypointPath != "b.js" || len(v.Revisions) != 2 || v.Revisions[0].Version != "1.0.0" ||
		!strings.HasPrefix(v.Revisions[1].Digest, "sha256:") {
		t.Errorf("the Sequence is %+v", v)
	}
}

func TestReplaceByWhatIsNoPackageChangesNothing(t *testing.T) {
	s := newSite(t)
	id := s.upload("demo", "1.0.0", "a.js")
	before := s.get("/sequence/" + id).body
	s.want(http.StatusUnprocessableEntity, "PUT", "/sequence/"+id, "no package")
	s.want(http.StatusUnsupportedMediaType, "PUT", "/sequence/"+id, s.program("demo", "2.0.0", "a.js"), "Content-Type", "application/json")
	s.want(http.StatusNotFound, "PUT", "/sequence/nope", s.program("demo", "2.0.0", "a.js"))
	if after := s.get("/sequence/" + id).body; after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}

func TestUploadThatIsRefusedLeavesNothing(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		body, kind string
		status     int
		words      string
	}{
		"another type":         {s.program("x", "1", "a.js"), "text/html", http.StatusUnsupportedMediaType, "content-type"},
		"no archive":           {"text", "", http.StatusUnprocessableEntity, "Invalid pkg tar.gz archive"},
		"nothing":              {"", "application/octet-stream", http.StatusUnprocessableEntity, "Invalid pkg tar.gz archive"},
		"no package.json":      {pack(t, map[string]string{"a.js": ""}), "", http.StatusUnprocessableEntity, "package.json"},
		"main that is no text": {pack(t, map[string]string{"package.json": `{"main":1}`}), "", http.StatusUnprocessableEntity, "main"},
		"a language we lack":   {s.program("x", "1", "a.py", "engines", `{"python3":"3.9.0"}`), "", http.StatusUnprocessableEntity, "engines.python3"},
		"a version we lack":    {s.program("x", "1", "a.js", "engines", `{"node":">=99"}`), "", http.StatusUnprocessableEntity, "engines.node"},
	} {
		headers := []string{}
		if c.kind != "" {
			headers = append(headers, "Content-Type", c.kind)
		}
		a := s.call("POST", "/sequence", c.body, headers...)
		if a.status != c.status || !strings.Contains(a.field(t, "error"), c.words) {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if got := s.get("/sequences").body; got != "[]\n" {
		t.Errorf("Sequences: %s", got)
	}
	left, err := filepath.Glob(filepath.Join(s.dir, "packages", "sha256-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left on disk: %v, %v", left, err)
	}
}

func TestDeleteOfASequence(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	id := s.upload("demo", "1.0.0", "a.js")
	done, live := s.start(id, ""), s.start(id, "")
	s.want(http.StatusOK, "POST", "/instance/"+done+"/input", "", "Content-Type", "text/plain")
	s.ended(done)
	// One that has ended does not open the way to delete what another runs.
	a := s.want(http.StatusConflict, "DELETE", "/sequence/"+id, "", "Content-Type", "application/json")
	var clash struct {
		Error     string
		Instances []string
	}
	a.into(t, &clash)
	if clash.Error != "Can't remove- Sequence in use" || !slices.Equal(clash.Instances, []string{live}) {
		t.Errorf("refused with %s", a.body)
	}
	if got := s.want(http.StatusOK, "DELETE", "/sequence/"+id, "", "x-seq-kill-inst", "true").field(t, "id"); got != id {
		t.Errorf("deleted %s", got)
	}
	v := s.info(live)
	if v.Status != "completed" || v.Terminated.ExitCode != 137 || v.Terminated.Reason != "Instance killed" {
		t.Errorf("its Instance: %+v", v)
	}
	s.want(http.StatusNotFound, "GET", "/sequence/"+id, "")
	s.want(http.StatusNotFound, "DELETE", "/sequence/"+id, "")
	if left := packagesOf(t, s); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestDeleteNeedsNoContentType(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusOK, "DELETE", "/sequence/"+s.upload("a", "1.0.0", "a.js"), "")
	s.want(http.StatusOK, "DELETE", "/sequence/"+s.upload("b", "1.0.0", "a.js"), "{}", "Content-Type", "application/json")
}

func TestSequencesOfOnePackageShareIt(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	one, two := s.upload("demo", "1.0.0", "a.js"), s.upload("demo", "1.0.0", "a.js")
	s.want(http.StatusOK, "DELETE", "/sequence/"+one, "")
	s.start(two, "")
}

func TestSequencesAreKept(t *testing.T) {
	s := newSite(t)
	id := s.upload("demo", "1.0.0", "a.js")
	s.want(http.StatusOK, "PUT", "/sequence/"+id, s.program("demo", "2.0.0", "a.js"))
	gone := s.upload("gone", "1.0.0", "a.js")
	s.want(http.StatusOK, "DELETE", "/sequence/"+gone, "")
	before := s.get("/sequences").body
	s.reopen()
	if after := s.get("/sequences").body; after != before {
		t.Errorf("%s\nbecame\n%s", before, after)
	}
}
