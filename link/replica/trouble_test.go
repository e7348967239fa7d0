package replica_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

// What comes after a Topic was deleted at the receiver is in a new one there,
// without what was in the old.
func TestTopicThatIsDeletedAtTheReceiverBeginsAnew(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 1000)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 1000})
	wait(t, "all is acked", c.quiet)
	old, err := s.store.Topic("t")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.store.Delete(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	wait(t, "the Topic is there again", func() bool {
		top, err := s.store.Topic("t")
		return err == nil && top != old
	})
	a.id = "after"
	a.produce("t", 0, 10)
	s.holds("t", map[string]int{"after": 10})
	if st := c.out.Stats()[0]; st.Missed != 0 || st.Resent != 0 {
		t.Errorf("stats: %+v", st)
	}
}

func TestTopicThatIsDeletedAtTheSenderStays(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 1000)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 1000})
	if err := a.store.Delete(t.Context(), "t"); err != nil {
		t.Fatal(err)
	}
	wait(t, "it is not sent", func() bool { return len(c.out.Stats()) == 0 })
	a.id = "again" // its numbers begin anew
	a.produce("t", 0, 10)
	s.holds("t", map[string]int{"a": 1000, "again": 10})
}

func TestRecordsOfAnotherTypeAreParked(t *testing.T) {
	for _, cfg := range []waverider.TopicConfig{
		{Name: "t", ContentType: waverider.TypeText},
		{Name: "t", ContentType: waverider.TypeNDJSON, Durability: "memory"},
	} {
		a, s := newSite(t, "a"), newSite(t, "s")
		var parked atomic.Value
		s.receiver.OnParked = func(p replica.Peer, name, as waverider.TopicName) {
			parked.Store(fmt.Sprint(p.Name, " ", name, " ", as))
		}
		if _, err := s.store.Create(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
		a.produce("t", 0, 100)
		r := up(a, s)
		r.peer.Name = "my hub"
		c := link(t, r)
		wait(t, "it is parked", func() bool { _, err := s.store.Topic("t@my-hub"); return err == nil })
		s.holds("t@my-hub", map[string]int{"a": 100})
		if got := parked.Load(); got != "my hub t t@my-hub" {
			t.Errorf("told: %v", got)
		}
		if st := c.out.Stats(); len(st) != 1 || st[0].Topic != "t" || st[0].As != "t@my-hub" {
			t.Errorf("the sender knows: %+v", st)
		}
		if st := s.receiver.Stats(); len(st) != 1 || st[0].Topic != "t" || st[0].As != "t@my-hub" || st[0].Records != 100 {
			t.Errorf("the receiver knows: %+v", st)
		}
		if top, err := s.store.Topic("t@my-hub"); err != nil || top.Config().Scope != waverider.ScopeHub {
			t.Errorf("the parked Topic could be sent on: %v", err)
		}
		if info, err := s.topic("t@my-hub").Info(t.Context()); err != nil || info.Records != 100 {
			t.Error(err)
		}
	}
}

func TestGapsAreTold(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	var told atomic.Uint64
	s.receiver.OnMissed = func(p replica.Peer, name waverider.TopicName, n uint64) { told.Add(n) }
	top, err := a.store.Create(t.Context(), waverider.TopicConfig{Name: "t", ContentType: waverider.TypeNDJSON, Discard: waverider.DiscardOld, MaxBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	a.produce("t", 0, 100)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 100})
	wait(t, "all is acked", c.quiet)
	c.stop()
	a.produce("t", 100, 5000)
	info, err := top.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	missing := info.First.Number - 101
	if missing < 100 {
		t.Fatalf("only %d were dropped", missing)
	}
	c = link(t, up(a, s))
	wait(t, "all is sent", c.quiet)
	if n := told.Load(); n != missing {
		t.Errorf("told of %d missing records, %d are", n, missing)
	}
	if st := c.out.Stats()[0]; st.Missed != missing || st.Records != 4900-missing {
		t.Errorf("the sender counts %+v, %d are missing", st, missing)
	}
	if st := s.receiver.Stats()[0]; st.Missed != missing {
		t.Errorf("the receiver counts %+v, %d are missing", st, missing)
	}
	if _, n := contents(t, s, "t"); uint64(n) != 5000-missing {
		t.Errorf("%d records, want %d", n, 5000-missing)
	}
}

// A receiver whose Topic is full lets the sender wait, and nobody else.
func TestFullTopicHoldsUpItsSenderOnly(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	full, err := s.store.Create(t.Context(), waverider.TopicConfig{Name: "full", ContentType: waverider.TypeNDJSON, MaxBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	reader, err := full.Durable(t.Context(), "group:slow", topic.From{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	a.produce("full", 0, 4000)
	a.produce("t", 0, 10)
	c := link(t, up(a, s))
	wait(t, "the Topic is full", func() bool {
		info, err := full.Info(t.Context())
		return err == nil && info.Full
	})
	s.holds("t", map[string]int{"a": 10})
	a.produce("t", 10, 20)
	s.holds("t", map[string]int{"a": 20})
	c.stop() // and goes on where it was
	link(t, up(a, s))
	n := 0
	for n < 4000 {
		m, err := reader.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for rec := range m.Records {
			var i int
			if _, err := fmt.Sscanf(string(rec.Data), "a %d", &i); err != nil || i != n {
				t.Fatalf("record %d comes as %d: %v", i, n, err)
			}
			n++
		}
		m.Ack()
		m.Release()
	}
}

// A receiver that a peer comes back to before it knows that the stream before is
// dead goes on with the new one.
func TestNewerStreamTakesOver(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 500)
	first := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 500})
	second := link(t, up(a, s)) // both go on, and take over from each other
	for n := 500; n < 3000; n += 100 {
		a.produce("t", n, n+100)
	}
	s.holds("t", map[string]int{"a": 3000})
	first.stop()
	a.produce("t", 3000, 3100)
	s.holds("t", map[string]int{"a": 3100})
	second.mu.Lock()
	defer second.mu.Unlock()
	replaced := 0
	for _, err := range append(first.errs, second.errs...) {
		if waverider.KindOf(err) == waverider.Conflict {
			replaced++
		}
	}
	if replaced == 0 {
		t.Error("no stream was replaced")
	}
}

func TestSendersThatRestGoOn(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 10)
	r := up(a, s)
	r.change = func(o *replica.Outbound) { o.Send.Rest(time.Millisecond) }
	c := link(t, r)
	for n := 10; n < 300; n += 10 {
		a.produce("t", n, n+10)
		s.holds("t", map[string]int{"a": n + 10})
		if n%50 == 0 {
			time.Sleep(3 * time.Millisecond) // for it to rest
		}
	}
	wait(t, "all is acked", c.quiet)
}

// What is on its way to the sender's own peer is passed over, and lets go.
func TestRecordsOfThePeerAreNotSentBack(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 1000)
	link(t, up(a, s))
	back := link(t, down(s, a))
	s.holds("t", map[string]int{"a": 1000})
	wait(t, "all is passed", back.quiet)
	s.produce("t", 0, 10)
	a.holds("t", map[string]int{"a": 1000, "s": 10})
	a.produce("t", 1000, 1010)
	s.holds("t", map[string]int{"a": 1010, "s": 10})
	wait(t, "all is passed", back.quiet)
	if st := back.out.Stats()[0]; st.Records != 10 || st.Missed != 0 {
		t.Errorf("sent back: %+v", st)
	}
	back.stop()
	again := link(t, down(s, a))
	wait(t, "it is on", again.quiet)
	if st := again.out.Stats()[0]; st.Records != 0 || st.Missed != 0 || st.Renewed != 0 {
		t.Errorf("after a new begin: %+v", st)
	}
}

func TestTopicsThatAreRefusedAreNotHammered(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 10)
	var asked atomic.Int64
	r := up(a, s)
	r.peer.Allow = func(waverider.TopicName) error {
		asked.Add(1)
		return waverider.Errorf(waverider.Forbidden, "not you")
	}
	c := link(t, r)
	wait(t, "it is refused", func() bool { st := c.out.Stats(); return len(st) == 1 && st[0].Error != "" })
	time.Sleep(200 * time.Millisecond)
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// A thousand Topics, most of which are idle.
func TestManyTopics(t *testing.T) {
	topics := 1000
	if testing.Short() || slow {
		topics = 200
	}
	a, s := newSite(t, "a"), newSite(t, "s")
	var making sync.WaitGroup
	for n := range topics {
		making.Go(func() { a.produce(waverider.TopicName(fmt.Sprint("t", n)), 0, 3) })
	}
	making.Wait()
	before := runtime.NumGoroutine()
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	used := memory.HeapAlloc + memory.StackInuse
	r := up(a, s)
	r.change = func(o *replica.Outbound) { o.Send.Rest(200 * time.Millisecond) }
	c := link(t, r)
	began := time.Now()
	acked := func() bool {
		st := c.out.Stats()
		for _, one := range st {
			if !one.Running || one.Lag > 0 {
				return false
			}
		}
		return len(st) == topics
	}
	for end := began.Add(2 * time.Minute); !acked(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not all is acked")
		}
	}
	t.Logf("%d Topics are sent %v after the link is there", topics, time.Since(began))
	time.Sleep(time.Second) // they rest
	runtime.GC()
	runtime.ReadMemStats(&memory)
	each := float64(memory.HeapAlloc+memory.StackInuse-used) / float64(topics)
	t.Logf("%.1f KB for each Topic at both sides together, %d goroutines", each/1e3, runtime.NumGoroutine()-before)
	if n := runtime.NumGoroutine() - before; n > topics*4+100 {
		t.Errorf("%d goroutines for %d Topics", n, topics)
	}
	if each > 64_000 {
		t.Errorf("%.0f bytes for each idle Topic", each)
	}
	a.produce("t7", 3, 100)
	s.holds("t7", map[string]int{"a": 100})
}

func TestStoreThatClosesEndsItsStreams(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 10)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 10})
	if err := s.store.Close(); err != nil {
		t.Fatal(err)
	}
	wait(t, "the stream has ended", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.errs) > 0 && errors.Is(c.errs[0], topic.ErrClosed)
	})
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	c.stop()
}
