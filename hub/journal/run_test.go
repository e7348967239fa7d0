package journal_test

import (
	"path/filepath"
	"testing"

	"waverider/hub/journal"
)

// The clock may be set back before the next run gets its number.
func TestRunsOfWhatWasDeletedAreRemembered(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	j, err := journal.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	last := func(want uint32) {
		t.Helper()
		if got, err := j.LastRun(); err != nil || got != want {
			t.Errorf("the last run is %d (%v), want %d", got, err, want)
		}
	}
	last(0)
	must(j.PutInstance(&journal.Instance{ID: "a", Run: 7}))
	must(j.PutSlot(&journal.Slot{ID: "b", Run: 9}))
	last(9)
	must(j.DeleteSlot("b"))
	must(j.DeleteInstance("a"))
	must(j.DeleteInstance("nobody"))
	last(9)
	must(j.Close())
	j, err = journal.Open(path)
	must(err)
	last(9)
	must(j.PutInstance(&journal.Instance{ID: "a", Run: 3}))
	last(9)
	must(j.Close())
}
