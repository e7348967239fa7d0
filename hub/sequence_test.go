package hub_test

import (
	"bufio"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"waverider"
	"waverider/hub"
	"waverider/lastlines"
	"waverider/store"
)

// Uploads, starts and deletions of one package at the same time: a Sequence that
// was answered can be started, and one with a running Instance is not deleted.
func TestSequencesOfOnePackageAtOnce(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	data := s.program("demo", "1.0.0", "a.js")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				seq, err := s.hub.AddSequence(t.Context(), strings.NewReader(data))
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := s.hub.Start(t.Context(), string(seq.ID), waverider.StartRequest{}); err != nil {
					t.Error(err)
				}
				if _, err := s.hub.DeleteSequence(t.Context(), string(seq.ID), false); waverider.KindOf(err) != waverider.Conflict {
					t.Errorf("deleted under its Instance: %v", err)
				}
				if _, err := s.hub.DeleteSequence(t.Context(), string(seq.ID), true); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left := packagesOf(t, s); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

// A start that races a deletion wins or loses; it never runs what is gone.
func TestAStartAndADeletionAtOnce(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	for range 20 {
		id := s.upload("demo", "1.0.0", "a.js")
		var wg sync.WaitGroup
		var started, deleted error
		wg.Go(func() { _, started = s.hub.Start(t.Context(), id, waverider.StartRequest{}) })
		wg.Go(func() { _, deleted = s.hub.DeleteSequence(t.Context(), id, false) })
		wg.Wait()
		if (started == nil) == (deleted == nil) {
			t.Fatalf("start: %v, deletion: %v", started, deleted)
		}
	}
}

// A forced deletion ends although somebody starts the Sequence over and over.
func TestAForcedDeletionAmongStarts(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	id := s.upload("demo", "1.0.0", "a.js")
	first := s.start(id, "")
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				if _, err := s.hub.Start(t.Context(), id, waverider.StartRequest{}); waverider.KindOf(err) == waverider.NotFound {
					return
				}
			}
		})
	}
	s.want(200, "DELETE", "/sequence/"+id+"?force=true", "")
	wg.Wait()
	if v := s.info(first); v.Status != "completed" {
		t.Errorf("its Instance is %s", v.Status)
	}
	if left := packagesOf(t, s); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestPackagesThatNoSequenceKnowsAreSwept(t *testing.T) {
	s := newSite(t, func(c *hub.Config) {
		c.Lines = lastlines.New(0)
		c.Log = slog.New(c.Lines.Handler(slog.NewTextHandler(io.Discard, nil), "Hub"))
	})
	s.upload("demo", "1.0.0", "a.js")
	want := packagesOf(t, s)
	s.stop()
	// As after a crash between the two.
	packages, err := store.Open(filepath.Join(s.dir, "packages"), store.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := packages.Put(t.Context(), strings.NewReader(s.program("lost", "1.0.0", "a.js")), nil); err != nil {
		t.Fatal(err)
	}
	s.open()
	lines := bufio.NewScanner(s.stream("GET", "/log", nil).Body)
	for lines.Scan() && !strings.Contains(lines.Text(), "unused packages removed") {
	}
	if got := packagesOf(t, s); !slices.Equal(got, want) {
		t.Errorf("on disk %v, want %v", got, want)
	}
}

func TestAStartFromADamagedPackageSaysWhatToDo(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", echo)
	id := s.upload("demo", "1.0.0", "a.js")
	s.stop()
	for _, name := range []string{"record", "archive.tar.gz"} {
		if err := os.Remove(filepath.Join(s.dir, "packages", packagesOf(t, s)[0], name)); err != nil {
			t.Fatal(err)
		}
	}
	s.open()
	if a := s.call("POST", "/sequence/"+id+"/start", ""); a.status != 500 || !strings.Contains(a.body, "send the Sequence again") {
		t.Errorf("%d %s", a.status, a.body)
	}
	s.want(200, "PUT", "/sequence/"+id, s.program("demo", "1.0.0", "a.js"))
	s.start(id, "")
}

// packagesOf are the packages on a site's disk.
func packagesOf(t *testing.T, s *site) []string {
	t.Helper()
	list, err := os.ReadDir(filepath.Join(s.dir, "packages"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		if e.Name() != "tmp" {
			names = append(names, e.Name())
		}
	}
	return names
}
