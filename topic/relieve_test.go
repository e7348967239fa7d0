package topic_test

import (
	"testing"
	"time"

	"waverider/topic"
)

// What another Store has is what goes when the disk has no room; what it has not,
// and Topics that stay here, are kept.
func TestANearlyFullDiskKeepsOnlyWhatIsStillNeeded(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	sent, own := create(t, s, "sent", "sync"), create(t, s, "own", "sync")
	for _, top := range []*topic.Topic{sent, own} {
		write(t, top, 0, 3000, 100)
	}
	if err := sent.Remember(t.Context(), topic.FarSpace, 0); err != nil {
		t.Fatal(err)
	}
	acked := infoOf(t, s, "sent").First.Number + 2000
	r, err := sent.Durable(t.Context(), topic.FarSpace, topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	r.AckTo(acked)
	if err := r.Sync(); err != nil {
		t.Fatal(err)
	}
	r.Close()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, func(c *topic.Config) { c.MinFree = 1 << 60 })
	for end := time.Now().Add(20 * time.Second); infoOf(t, s, "sent").Records == 3000; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was dropped")
		}
	}
	info := infoOf(t, s, "sent")
	if info.First.Number > acked || info.Records < 1000 {
		t.Errorf("records that nobody has elsewhere are gone: %+v", info)
	}
	if kept := infoOf(t, s, "own").Records; kept != 3000 {
		t.Errorf("%d of 3000 records that stay here are left", kept)
	}
}
