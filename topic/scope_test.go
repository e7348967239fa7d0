package topic_test

import (
	"sync"
	"testing"

	"waverider"
	"waverider/topic"
)

func scopeOf(t *testing.T, s *topic.Store, name waverider.TopicName) waverider.Scope {
	t.Helper()
	top, err := s.Topic(name)
	if err != nil {
		t.Fatal(err)
	}
	return top.Config().WithDefaults().Scope
}

func TestTopicsGetTheScopeOfTheirStore(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	create(t, s, "before", "sync")
	s.SetDefaultScope(waverider.ScopeSpace)
	create(t, s, "with", "async")
	create(t, s, "ring", "memory")
	if _, err := s.Create(t.Context(), waverider.TopicConfig{Name: "near", ContentType: waverider.TypeNDJSON, Scope: waverider.ScopeHub}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(t.Context(), waverider.TopicConfig{Name: "found", ContentType: waverider.TypeNDJSON}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Ensure(t.Context(), waverider.TopicConfig{Name: "before", ContentType: waverider.TypeNDJSON}); err != nil {
		t.Fatal(err)
	}
	s.SetDefaultScope(waverider.ScopeHub)
	create(t, s, "after", "sync")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	for name, want := range map[waverider.TopicName]waverider.Scope{
		"before": "hub", "with": "space", "ring": "hub", "near": "hub", "found": "space", "after": "hub",
	} {
		if got := scopeOf(t, s, name); got != want {
			t.Errorf("%s has scope %s, want %s", name, got, want)
		}
	}
}

func TestDefaultScopeChangesWhileTopicsAreMade(t *testing.T) {
	s := open(t, t.TempDir())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for range 50 {
			s.SetDefaultScope(waverider.ScopeSpace)
			s.SetDefaultScope(waverider.ScopeHub)
		}
	})
	for _, name := range []string{"a", "b", "c", "d"} {
		tasks.Go(func() { create(t, s, name, "async") })
	}
	tasks.Wait()
}

func TestScopeHasNoWayBack(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := create(t, s, "p", "sync")
	write(t, top, 0, 10, 100)
	hub, space, none, odd := waverider.ScopeHub, waverider.ScopeSpace, waverider.Scope(""), waverider.Scope("moon")
	change := func(c topic.Change) error { return top.Update(t.Context(), c) }
	if err := change(topic.Change{Scope: &odd}); waverider.KindOf(err) != waverider.Invalid {
		t.Errorf("to an unknown scope: %v, want Invalid", err)
	}
	if err := change(topic.Change{Scope: &hub}); err != nil {
		t.Errorf("from hub to hub: %v", err)
	}
	for range 2 {
		if err := change(topic.Change{Scope: &space}); err != nil {
			t.Errorf("to space: %v", err)
		}
	}
	owner := "us"
	for _, back := range []*waverider.Scope{&hub, &none, &odd} {
		if err := change(topic.Change{Scope: back, Owner: &owner}); waverider.KindOf(err) != waverider.Conflict {
			t.Errorf("from space to %q: %v, want Conflict", *back, err)
		}
	}
	if err := change(topic.Change{Owner: &owner}); err != nil {
		t.Error(err)
	}
	ring := create(t, s, "ring", "memory")
	if err := ring.Update(t.Context(), topic.Change{Scope: &space}); waverider.KindOf(err) != waverider.Invalid {
		t.Errorf("of a Topic in memory: %v, want Invalid", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir)
	if p, ring := scopeOf(t, s, "p"), scopeOf(t, s, "ring"); p != space || ring != hub {
		t.Errorf("after a restart: %s and %s", p, ring)
	}
}
