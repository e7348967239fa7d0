package topic_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"waverider/bus"
	"waverider/topic"
)

func sharedBus(t *testing.T, dir string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: dir, Hub: "hub-1", MaxStore: 4 << 30, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func TestAStoreOnABusOfSomebodyElseLeavesItOpen(t *testing.T) {
	dir := t.TempDir()
	b := sharedBus(t, filepath.Join(dir, "bus"))
	other := bus.Stream{Name: "other", Subjects: []string{"wr.other.*"}}
	if err := b.Ensure(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Publish(t.Context(), "other", bus.Msg{Subject: "wr.other.a"}); err != nil {
		t.Fatal(err)
	}
	on := func(cfg *topic.Config) { cfg.Bus = b }
	topics := filepath.Join(dir, "topics")
	if err := os.Mkdir(topics, 0o700); err != nil {
		t.Fatal(err)
	}
	s := open(t, topics, on)
	write(t, create(t, s, "jobs", "sync"), 0, 10, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if state, err := b.State(t.Context(), "other"); err != nil || state.Messages != 1 {
		t.Errorf("the Bus has %+v, error %v", state, err)
	}
	s = open(t, topics, on)
	top, err := s.Topic("jobs")
	if err != nil {
		t.Fatal(err)
	}
	if _, n := readAll(t, top, topic.From{}); n != 10 {
		t.Errorf("%d records", n)
	}
	if _, err := os.Stat(filepath.Join(topics, "streams")); err == nil {
		t.Error("the Store has made an engine of its own")
	}
}

func TestAStoreOnABusRefusesRecordsWithoutItsLedger(t *testing.T) {
	dir := t.TempDir()
	b := sharedBus(t, filepath.Join(dir, "bus"))
	cfg := topic.Config{Dir: filepath.Join(dir, "topics"), Hub: "hub-1", Bus: b, Log: discard()}
	if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := topic.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	write(t, create(t, s, "jobs", "sync"), 0, 10, 100)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(cfg.Dir, "topics.db")); err != nil {
		t.Fatal(err)
	}
	if s, err := topic.Open(t.Context(), cfg); err == nil {
		t.Error("it begins anew among the records of another")
		_ = s.Close()
	}
}
