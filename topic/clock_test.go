package topic_test

import (
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// clock is that of a machine: it may be wrong, and be set while it runs.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

var (
	epoch = time.Date(1970, 1, 1, 0, 0, 30, 0, time.UTC)
	today = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	later = today.AddDate(20, 0, 0)
)

func openAt(t *testing.T, dir string, c *clock) *topic.Store {
	t.Helper()
	return open(t, dir, func(cfg *topic.Config) { cfg.Now = c.now })
}

// A machine without a battery begins each time in 1970, or where the last
// one left the clock; what it names must not be taken for what it named before.
func TestNoIncarnationComesTwiceWhateverTheClockSays(t *testing.T) {
	dir := t.TempDir()
	seen := map[uint32]bool{}
	last := uint32(0)
	for _, at := range []time.Time{epoch, epoch, epoch.Add(-time.Minute), today, epoch, later, today, epoch, today.AddDate(200, 0, 0), today} {
		s := openAt(t, dir, &clock{at})
		for range 2 {
			top, err := s.Create(t.Context(), waverider.TopicConfig{Name: "a", ContentType: waverider.TypeNDJSON})
			if err != nil {
				t.Fatal(err)
			}
			n := top.Incarnation(1)
			if seen[n] || n <= last {
				t.Errorf("incarnation %d after %d, at %s", n, last, at)
			}
			seen[n], last = true, n
			if err := s.Delete(t.Context(), "a"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if last > 3<<30 {
		t.Errorf("the last incarnation is %d: there is little room above it", last)
	}
}

// Readers are forgotten for the time they could have read and did not.
func TestReadersOutliveAClockThatJumps(t *testing.T) {
	const week = 7 * 24 * time.Hour
	dir := t.TempDir()
	c := &clock{today}
	s := openAt(t, dir, c)
	top := create(t, s, "a", "sync")
	write(t, top, 0, 10, 100)
	leave := func(name string) {
		r, err := top.Durable(t.Context(), name, topic.From{}, week)
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r.AckTo(m.From + 1)
		m.Release()
		r.Close()
	}
	readers := func() int { return len(infoOf(t, s, "a").Readers) }
	wanted := func() int {
		list, err := s.Wanted(time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	leave("slot:now")
	for _, at := range []time.Time{later, epoch, today, epoch} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		c.at = at
		s = openAt(t, dir, c)
		if wanted() != 1 {
			t.Errorf("at %s the Topic is not wanted before it is used", at)
		}
		top, _ = s.Topic("a")
		s.Tend(t.Context(), time.Now())
		if readers() != 1 || wanted() != 1 {
			t.Errorf("at %s: %d readers, %d Topics are wanted", at, readers(), wanted())
		}
	}
	leave("slot:now") // in 1970, and then the clock is set right
	c.at = today
	s.Tend(t.Context(), time.Now())
	if readers() != 1 {
		t.Error("forgotten when the clock was set")
	}

	// Days count over restarts, to the hour, and end with the reading.
	began := time.Now()
	for day := time.Duration(1); day <= 6; day++ {
		s.Tend(t.Context(), began.Add(24*time.Hour))
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s, began = openAt(t, dir, c), time.Now()
		if readers() != 1 {
			t.Fatalf("forgotten after %d days", day)
		}
	}
	s.Tend(t.Context(), began.Add(25*time.Hour))
	if readers() != 0 || wanted() != 0 {
		t.Errorf("not forgotten: %d readers", readers())
	}
}
