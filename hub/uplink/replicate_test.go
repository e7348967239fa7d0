package uplink_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"waverider"
	"waverider/hub/uplink"
	"waverider/topic"
)

// topics opens a Store as a Hub has it.
func (d *disk) topics(t *testing.T) *topic.Store {
	t.Helper()
	s, err := topic.Open(t.Context(), topic.Config{Dir: t.TempDir(), Hub: d.key.ID(), MaxStore: 1 << 30, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// holds tells whether a Topic holds its records for the Space, and from where on.
func holds(t *testing.T, top *topic.Topic) (from uint64, ok bool) {
	t.Helper()
	p, ok, err := top.Known(t.Context(), topic.FarSpace)
	if err != nil {
		t.Fatal(err)
	}
	return p.Number, ok
}

// A Topic that could not hold its records for the Space is tried again, though no
// Topic changes.
func TestTopicsThatHoldNothingYetAreTriedAgain(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	_, stop := d.start(s.url, s.token())
	s.confirmed()
	stop()
	cfg := d.config("http://127.0.0.1:1", "") // nobody is there
	cfg.Topics = d.topics(t)
	top, err := cfg.Topics.Create(t.Context(), waverider.TopicConfig{Name: "old", ContentType: waverider.TypeText, Scope: waverider.ScopeSpace})
	if err != nil {
		t.Fatal(err)
	}
	u, err := uplink.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	u.FailToHold(3, errors.New("the disk is full"))
	d.run(u, d.core())
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if from, ok := holds(t, top); ok && from == 1 {
			break
		} else if time.Now().After(end) {
			t.Fatal("it holds nothing")
		}
	}
}

// A Hub that is away from its Space, or dies at once, holds all of what is made
// then: that takes nobody who looks after it later.
func TestTopicsOfASpaceHoldTheirRecordsFromTheFirst(t *testing.T) {
	s, d := newSpace(t), newDisk(t)
	_, stop := d.start(s.url, s.token())
	s.confirmed()
	stop()
	cfg := d.config("", "")
	cfg.Topics = d.topics(t)
	near, err := cfg.Topics.Create(t.Context(), waverider.TopicConfig{Name: "near", ContentType: waverider.TypeText})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uplink.Open(cfg); err != nil { // and nothing runs
		t.Fatal(err)
	}
	made, err := cfg.Topics.Ensure(t.Context(), waverider.TopicConfig{Name: "made", ContentType: waverider.TypeText})
	if err != nil {
		t.Fatal(err)
	}
	if from, ok := holds(t, made); !ok || from != 1 {
		t.Errorf("holds from %d, %v", from, ok)
	}
	if _, ok := holds(t, near); ok {
		t.Error("a Topic of the Hub alone holds its records for the Space")
	}
}
