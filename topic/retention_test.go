package topic_test

import (
	"context"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func limited(t *testing.T, s *topic.Store, cfg waverider.TopicConfig) *topic.Topic {
	t.Helper()
	cfg.Name, cfg.ContentType = "limited", waverider.TypeNDJSON
	top, err := s.Create(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func info(t *testing.T, top *topic.Topic) topic.Info {
	t.Helper()
	i, err := top.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestOldestGoWhenRoomIsNeeded(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 1 << 20})
	for i := range 50 {
		write(t, top, i*1000, (i+1)*1000, 100)
	}
	i := info(t, top)
	if i.Bytes > 1<<20 || i.Bytes < 512<<10 {
		t.Errorf("%d bytes are kept, want up to 1 MiB and at least half of it", i.Bytes)
	}
	if i.Total != 50000 {
		t.Errorf("%d records in all, want 50000", i.Total)
	}
	if _, n := readAll(t, top, topic.From{}); uint64(n) != i.Records {
		t.Errorf("read %d records, info says %d", n, i.Records)
	}
}

func TestDurableReaderHoldsWhatItHasNotAcked(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 200 << 10})
	r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := top.Writer(t.Context(), topic.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Wait = false
	data, lengths := lines(0, 100, 100)
	added := 0
	for ; added < 100; added++ {
		if err = w.Append(t.Context(), data, lengths, topic.State{}); err != nil {
			break
		}
		if _, err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if waverider.KindOf(err) != waverider.Full {
		t.Fatalf("after %d kB: %v, want Full", added*10, err)
	}
	if i := info(t, top); !i.Readers[0].Holds || i.Readers[0].Lag != uint64(added)*100 {
		t.Errorf("info shows %+v, want a holding group with lag %d", i.Readers, added*100)
	}
	// The producer waits, and goes on once the reader has acked.
	w.Wait = true
	stored := make(chan error)
	go func() { stored <- w.Append(t.Context(), data, lengths, topic.State{}) }()
	for range added / 2 {
		m, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		m.Ack()
		m.Release()
	}
	if err := <-stored; err != nil {
		t.Errorf("the producer that waited for room: %v", err)
	}
}

func TestDiscardOldGoesBeforeReaders(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 200 << 10, Discard: waverider.DiscardOld})
	r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for i := range 100 {
		write(t, top, i*100, (i+1)*100, 100)
	}
	m, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Release()
	if m.Missed == 0 || m.Missed != m.From-1 {
		t.Errorf("the first message begins at %d and says %d are missing", m.From, m.Missed)
	}
}

func TestRecordsGoWithAge(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxAge: waverider.Age(time.Hour)})
	write(t, top, 0, 10, 100)
	write(t, top, 10, 20, 100)
	s.Tend(t.Context(), time.Now().Add(30*time.Minute))
	if i := info(t, top); i.Records != 20 {
		t.Errorf("after half their age %d records are kept, want 20", i.Records)
	}
	s.Tend(t.Context(), time.Now().Add(2*time.Hour))
	if i := info(t, top); i.Records > 10 {
		t.Errorf("after their age %d records are kept, want at most the last batch", i.Records)
	}
}

func TestForgottenReaderHoldsNothing(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{})
	r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := top.Forget(t.Context(), "group:g"); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("forgetting a connected reader: %v, want Conflict", err)
	}
	r.Close()
	s.Tend(t.Context(), time.Now().Add(2*time.Hour))
	if i := info(t, top); len(i.Readers) != 0 {
		t.Errorf("two hours later there is %+v", i.Readers)
	}
}

// diskOf is what a folder takes.
func diskOf(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if i, err := e.Info(); err == nil {
				bytes += i.Size()
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestDiskOfDroppedRecordsComesFree(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 8 << 20})
	for i := range 60 {
		write(t, top, i*10000, (i+1)*10000, 100)
	}
	live := int64(info(t, top).Bytes)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if d := diskOf(t, filepath.Join(dir, "streams")); d <= 2*live+16<<20 {
			return
		} else if ctx.Err() != nil {
			t.Fatalf("a minute later %d bytes are on disk for %d live ones", d, live)
		}
		select {
		case <-ctx.Done():
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// A body may be many times larger than its Topic, and one batch all of it.
func TestSmallTopicTakesMoreThanItHolds(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 100_000})
	w, err := top.Writer(t.Context(), topic.Anonymous)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for i := range 200 {
		n := []int{100, 900, 10}[i%3]
		data, lengths := lines(i*1000, i*1000+n, 100)
		if err := w.Append(t.Context(), data, lengths, topic.State{}); err != nil {
			t.Fatal(err)
		}
		if i%5 > 0 {
			continue
		}
		if _, err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if i := info(t, top); i.Bytes > 100_000 || i.Bytes == 0 {
			t.Errorf("%d bytes are kept", i.Bytes)
		}
	}
}

func TestAllRecordsOfAQuietTopicGoWithAge(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	top := limited(t, s, waverider.TopicConfig{MaxAge: waverider.Age(time.Hour)})
	write(t, top, 0, 10, 100)
	s.Tend(t.Context(), time.Now().Add(59*time.Minute))
	if i := info(t, top); i.Records != 10 {
		t.Errorf("%d records are left before their age", i.Records)
	}
	s.Tend(t.Context(), time.Now().Add(61*time.Minute))
	if i := info(t, top); i.Records != 0 || i.Bytes != 0 || i.Total != 10 {
		t.Errorf("after their age: %d records, %d bytes are kept, %d in all", i.Records, i.Bytes, i.Total)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	top, err := open(t, dir).Topic("limited")
	if err != nil {
		t.Fatal(err)
	}
	write(t, top, 10, 20, 100)
	if _, n := readAll(t, top, topic.From{}); n != 10 {
		t.Errorf("read %d records, want the 10 that came after", n)
	}
	if i := info(t, top); len(i.Damage) > 0 {
		t.Errorf("damage is told: %v", i.Damage)
	}
}

func TestFullTellsThatProducersWait(t *testing.T) {
	s := open(t, t.TempDir())
	all, _ := lines(0, 10, 100)
	top := limited(t, s, waverider.TopicConfig{MaxBytes: int64(len(all))})
	write(t, top, 0, 10, 100)
	if i := info(t, top); i.Bytes != i.Limit || i.Full {
		t.Errorf("%d of %d bytes, full %v: want all of them taken, and not full, as nobody needs them", i.Bytes, i.Limit, i.Full)
	}
	r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if i := info(t, top); !i.Full {
		t.Error("a group needs all that is kept, and the Topic is not said to be full")
	}
}

// A producer whose records are larger than what is left waits before every byte
// is taken.
func TestFullWhileAProducerWaits(t *testing.T) {
	s := open(t, t.TempDir())
	all, _ := lines(0, 10, 100)
	top := limited(t, s, waverider.TopicConfig{MaxBytes: int64(len(all) + 50)})
	r, err := top.Durable(t.Context(), "group:g", topic.From{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	write(t, top, 0, 10, 100)
	if info(t, top).Full {
		t.Error("full with room left and nobody waiting")
	}
	w, err := top.Writer(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	w.Wait = true
	ctx, cancel := context.WithCancel(t.Context())
	stored := make(chan error)
	data, lengths := lines(10, 11, 100)
	go func() { stored <- w.Append(ctx, data, lengths, topic.State{}) }()
	for deadline := time.Now().Add(10 * time.Second); !info(t, top).Full; {
		if time.Now().After(deadline) {
			t.Fatal("a producer waits, and the Topic is not said to be full")
		}
	}
	cancel()
	if err := <-stored; err != context.Canceled {
		t.Errorf("the producer that gave up: %v", err)
	}
	if info(t, top).Full {
		t.Error("full after the producer has gone")
	}
}
