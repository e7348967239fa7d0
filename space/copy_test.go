package space_test

import (
	"testing"

	"waverider"
)

// A copy has the ticket that the Hub has, as long as that is linked. It is refused
// all the same; a Hub that comes by another way, or was started anew, is not.
func TestACopyDoesNotPutALiveHubOut(t *testing.T) {
	s := newSite(t)
	d := newDisk(t)
	d.run = "first"
	l, err := s.dial(d, s.joinToken("").Answer())
	if err != nil {
		t.Fatal(err)
	}
	h := s.run(l, d, nil)
	if err := h.confirm(d); err != nil {
		t.Fatal(err)
	}
	s.heard(h, d)
	copied := &disk{key: d.key, ticket: d.ticket, run: "copy"}
	if _, err := s.dial(copied, ""); refusedAs(err) != waverider.Conflict {
		t.Fatalf("the copy: %v", err)
	}
	select {
	case <-h.done:
		t.Fatalf("the Hub is out: %v", h.err)
	case n := <-h.notices:
		if n.Kind != "clone" {
			t.Errorf("told of %+v", n)
		}
	}
	l, err = s.dial(d, "") // by another way
	if err != nil {
		t.Fatal(err)
	}
	again := s.run(l, d, nil)
	if err := again.confirm(d); err != nil {
		t.Fatal(err)
	}
	s.heard(again, d)
	h.ended(t)
	again.Close(nil)
	again.ended(t)
	d.run = "second" // started anew
	s.until("it is let in", func() bool { _, err := s.dial(d, ""); return err == nil })
}
