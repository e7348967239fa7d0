package topic_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func wanted(t *testing.T, s *topic.Store, recent time.Duration) string {
	t.Helper()
	list, err := s.Wanted(recent)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

func TestWantedTopicsAreThoseThatAreRead(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	topics := map[string]*topic.Topic{}
	for _, name := range []string{"far", "group", "live", "none", "old", "plain", "slot"} {
		topics[name] = create(t, s, name, "async")
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(topics["far"].Remember(t.Context(), topic.FarSpace, 0))
	must(topics["far"].Remember(t.Context(), topic.FarHub+"7", time.Hour))
	sender, err := topics["far"].Durable(t.Context(), topic.FarSpace, topic.From{}, 0)
	must(err)
	defer sender.Close()
	m, err := topics["group"].Join(t.Context(), "g", topic.JoinOptions{})
	must(err)
	m.Close()
	m, err = topics["old"].Join(t.Context(), "g", topic.JoinOptions{Expire: time.Nanosecond})
	must(err)
	m.Close()
	r, err := topics["slot"].Durable(t.Context(), "slot:1", topic.From{}, 0)
	must(err)
	r.Close()
	plain, err := topics["plain"].Plain(t.Context())
	must(err)
	live, err := topics["live"].Reader(t.Context(), topic.From{})
	must(err)
	if got := wanted(t, s, 0); got != "[group live plain slot]" {
		t.Errorf("while some are connected: %s", got)
	}
	plain.Close()
	live.Close()
	if got := wanted(t, s, time.Hour); got != "[group plain slot]" {
		t.Errorf("after they left: %s", got)
	}
	if got := wanted(t, s, 0); got != "[group slot]" {
		t.Errorf("without those of no name: %s", got)
	}
	sender.Close()
	must(s.Close())
	s = open(t, dir) // nobody has used a Topic yet
	if got := wanted(t, s, time.Hour); got != "[group plain slot]" {
		t.Errorf("after a restart: %s", got)
	}
	must(s.Delete(t.Context(), "slot"))
	top, err := s.Topic("group")
	must(err)
	must(top.ForgetGroup(t.Context(), "g"))
	if got := wanted(t, s, 0); got != "[]" {
		t.Errorf("after all are gone: %s", got)
	}
}

// Who is woken finds what has changed.
func TestChangesOfTopicsAreTold(t *testing.T) {
	s := open(t, t.TempDir())
	after := func(what string, change func() error, seen func() bool) {
		t.Helper()
		changes, found := s.Changes(), make(chan bool, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			select {
			case <-changes:
				found <- seen()
			case <-ctx.Done():
				found <- false
			}
		}()
		if err := change(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-changes:
		default:
			t.Errorf("%s: nothing was told", what)
			cancel()
		}
		if !<-found {
			t.Errorf("%s: not seen by who was woken", what)
		}
		cancel()
	}
	scope := func() waverider.Scope {
		for _, top := range s.Topics() {
			return top.Config().WithDefaults().Scope
		}
		return "none"
	}
	for range 20 { // it matters who is faster
		after("made", func() error {
			_, err := s.Ensure(t.Context(), waverider.TopicConfig{Name: "p", ContentType: waverider.TypeNDJSON})
			return err
		}, func() bool { return scope() == waverider.ScopeHub })
		after("promoted", func() error {
			top, err := s.Topic("p")
			if err != nil {
				return err
			}
			space := waverider.ScopeSpace
			return top.Update(t.Context(), topic.Change{Scope: &space})
		}, func() bool { return scope() == waverider.ScopeSpace })
		after("deleted", func() error { return s.Delete(t.Context(), "p") }, func() bool { return scope() == "none" })
	}
}
