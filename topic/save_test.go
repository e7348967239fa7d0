package topic_test

import (
	"testing"

	"waverider"
	"waverider/topic"
	"waverider/topic/ledger"
)

func TestSaveThatFailsMovesNothing(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "saved", waverider.DurabilitySync)
	write(t, top, 0, 100, 10)
	r, err := top.Durable(t.Context(), "slot:s", topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Save(topic.Place{Number: 50, State: make([]byte, ledger.MaxState+1)}); err == nil {
		t.Fatal("a state over the limit was saved")
	}
	r.Close() // which writes the cursor
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	if p, _, err := top.Known(t.Context(), "slot:s"); err != nil || p.Number != 1 {
		t.Errorf("the place is %d, %v; its state was not saved", p.Number, err)
	}
}
