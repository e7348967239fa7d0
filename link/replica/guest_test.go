package replica_test

import (
	"fmt"
	"testing"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

// Topics that could not be made, because the disk was full, are not counted as made.
func TestAFullDiskDoesNotUseUpTheTopicsOfAPeer(t *testing.T) {
	s := &site{t: t, id: "s", dir: t.TempDir(), minFree: 1 << 60, o: replica.ReceiverOptions{Topics: 3}}
	s.open()
	for i := range 5 {
		conn, ended := serve(t, s, replica.Peer{})
		if answer, _ := greet(t, conn, "t"); answer["kind"] != string(waverider.Full) {
			t.Errorf("try %d: %v", i, answer)
		}
		conn.Close()
		<-ended
	}
}

// Nor are those that are there: a peer that may make no more goes on in them, also
// where its records are parked. What is parked anew is counted.
func TestTopicsThatAreThereUseUpNothing(t *testing.T) {
	s := &site{t: t, id: "s", dir: t.TempDir(), o: replica.ReceiverOptions{Topics: 2}}
	s.open()
	for _, name := range []waverider.TopicName{"clash", "other"} {
		if _, err := s.store.Create(t.Context(), waverider.TopicConfig{Name: name, ContentType: waverider.TypeText}); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct{ name, want string }{
		{"a", "a"}, {"clash", "clash@evil"}, {"b", ""}, {"other", ""}, {"a", "a"}, {"clash", "clash@evil"},
	} {
		conn, ended := serve(t, s, replica.Peer{})
		answer, _ := greet(t, conn, step.name)
		if as, _ := answer["as"].(string); as != step.want || as == "" && answer["kind"] != string(waverider.Overloaded) {
			t.Errorf("%s: %v, want %q", step.name, answer, step.want)
		}
		conn.Close()
		<-ended
	}
}

// Records that are parked stay where they are when their Hub gets another name.
func TestARenamedHubGoesOnWhereItIsParked(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	if _, err := s.store.Create(t.Context(), waverider.TopicConfig{Name: "t", ContentType: waverider.TypeText, Scope: waverider.ScopeSpace}); err != nil {
		t.Fatal(err)
	}
	for n, name := range []string{"old", "new"} {
		a.produce("t", n*100, n*100+100)
		r := up(a, s)
		r.peer.Name = name
		c := link(t, r)
		wait(t, "t@old comes", func() bool { _, err := s.store.Topic("t@old"); return err == nil })
		s.holds("t@old", map[string]int{"a": n*100 + 100})
		wait(t, "all is acked", c.quiet)
		c.stop()
	}
	if _, err := s.store.Topic("t@new"); waverider.KindOf(err) != waverider.NotFound {
		t.Errorf("t@new: %v", err)
	}
}

// What is counted of a peer goes with it, be it that its streams end later.
func TestAPeerIsForgottenWithItsLastStream(t *testing.T) {
	s := &site{t: t, id: "s", dir: t.TempDir(), o: replica.ReceiverOptions{Topics: 1}}
	s.open()
	evil := topic.FarHub + "evil"
	s.receiver.Forget(evil) // whom nobody knows
	for n := range 3 {
		conn, ended := serve(t, s, replica.Peer{})
		if answer, _ := greet(t, conn, fmt.Sprint("t", n)); answer["as"] == nil {
			t.Fatalf("%d: %v", n, answer)
		}
		if n == 0 {
			conn.Close()
			<-ended
			s.receiver.Forget(evil)
		} else {
			s.receiver.Forget(evil)
			if len(s.receiver.Stats()) != 1 {
				t.Error("what still runs is not counted")
			}
			conn.Close()
			<-ended
		}
		if list := s.receiver.Stats(); len(list) > 0 {
			t.Errorf("still counted: %+v", list)
		}
	}
}
