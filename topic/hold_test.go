package topic_test

import (
	"testing"

	"waverider"
	"waverider/topic"
)

// holdsFor tells from which record on a Topic holds for a reader.
func holdsFor(t *testing.T, top *topic.Topic, reader string) (from uint64, ok bool) {
	t.Helper()
	p, ok, err := top.Known(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	return p.Number, ok
}

// The reader comes with the scope, in one write, and a restart finds it.
func TestTopicsOfTheSpaceHoldFromTheirFirstRecord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	promoted, near := create(t, s, "promoted", "sync"), create(t, s, "near", "sync")
	write(t, promoted, 0, 10, 100)
	s.HoldFor(topic.FarSpace)
	s.SetDefaultScope(waverider.ScopeSpace)
	space, owner := waverider.ScopeSpace, "us"
	if err := promoted.Update(t.Context(), topic.Change{Scope: &space}); err != nil {
		t.Fatal(err)
	}
	if err := near.Update(t.Context(), topic.Change{Owner: &owner}); err != nil {
		t.Fatal(err)
	}
	write(t, create(t, s, "made", "async"), 0, 10, 100)
	create(t, s, "ring", "memory")
	for range 2 {
		for name, want := range map[waverider.TopicName]bool{"promoted": true, "made": true, "near": false, "ring": false} {
			top, err := s.Topic(name)
			if err != nil {
				t.Fatal(err)
			}
			if from, ok := holdsFor(t, top, topic.FarSpace); ok != want || ok && from != 1 {
				t.Errorf("%s holds from %d: %v", name, from, ok)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir)
	}
}

// What a reader has acked stays acked, whatever is written of its Topic.
func TestHoldingBeginsOnce(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "t", "sync")
	write(t, top, 0, 10, 100)
	r, err := top.Durable(t.Context(), topic.FarSpace, topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.AckTo(5)
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	s.HoldFor(topic.FarSpace)
	space := waverider.ScopeSpace
	if err := top.Update(t.Context(), topic.Change{Scope: &space}); err != nil {
		t.Fatal(err)
	}
	if from, ok := holdsFor(t, top, topic.FarSpace); !ok || from != 5 {
		t.Errorf("holds from %d, %v", from, ok)
	}
}
