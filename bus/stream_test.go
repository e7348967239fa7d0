package bus_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"waverider/bus"
)

func TestEnsureFindsAStreamOnlyAsItIs(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	ensure(t, b)
	if err := b.Ensure(t.Context(), bus.Stream{Name: "sync", Subjects: streams[0].Subjects, Kind: bus.Async}); err == nil {
		t.Error("a sync stream was taken for an async one")
	}
	if err := b.Ensure(t.Context(), bus.Stream{Name: "sync", Subjects: []string{"other.*"}, Kind: bus.Sync}); err == nil {
		t.Error("a stream was taken for one with other subjects")
	}
	if err := b.Ensure(t.Context(), bus.Stream{Name: "thief", Subjects: []string{"wr.hub.sync.a.*.*"}}); err == nil {
		t.Error("two streams share a subject")
	}
}

func TestStreamsAreListedAndDeleted(t *testing.T) {
	b := open(t, t.TempDir())
	const n = 300 // more than the engine lists at once
	for i := range n {
		s := bus.Stream{Name: fmt.Sprintf("own-%03d", i), Subjects: []string{fmt.Sprintf("wr.hub.own%d.*.*.*", i)}, Kind: bus.Async}
		if err := b.Ensure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Publish(t.Context(), "own-007", bus.Msg{Subject: "wr.hub.own7.a.h.p", Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	all, err := b.Streams(t.Context())
	if err != nil || len(all) != n {
		t.Fatalf("%d streams, error %v", len(all), err)
	}
	for i, s := range all {
		want := bus.State{Name: fmt.Sprintf("own-%03d", i), First: 1}
		if i == 7 {
			want = bus.State{Name: s.Name, First: 1, Last: 1, Messages: 1, Bytes: s.Bytes}
		}
		if i != 7 {
			want.First = s.First
		}
		if s != want {
			t.Errorf("stream %d is %+v", i, s)
		}
	}
	if all[0].First > all[0].Last+1 || all[7].Bytes == 0 {
		t.Errorf("empty %+v, with a message %+v", all[0], all[7])
	}
	for range 2 {
		if err := b.Delete(t.Context(), "own-007"); err != nil {
			t.Error(err)
		}
	}
	if _, err := b.State(t.Context(), "own-007"); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("state of a deleted stream: %v", err)
	}
}

func TestAMissingStreamIsSaidAtOnce(t *testing.T) {
	b := open(t, t.TempDir())
	m := bus.Msg{Subject: "wr.hub.none.a.h.p"}
	started := time.Now()
	var calls sync.WaitGroup
	for range 100 { // more than are let in at a time
		calls.Go(func() {
			if _, err := b.Fetch(t.Context(), "none", m.Subject, 1, 1, 1); !errors.Is(err, bus.ErrNoStream) {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	_, publish := b.Publish(t.Context(), "none", m)
	_, all := b.PublishAll(t.Context(), "none", []bus.Msg{m, m})
	_, last := b.LastOf(t.Context(), "none", m.Subject)
	_, next := b.NextOf(t.Context(), "none", m.Subject, 1)
	_, fetch := b.Fetch(t.Context(), "none", m.Subject, 1, 1, 1)
	for name, err := range map[string]error{
		"publish": publish, "publish all": all, "last": last, "next": next, "fetch": fetch,
		"purge": b.Purge(t.Context(), "none", "", 0),
	} {
		if !errors.Is(err, bus.ErrNoStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestADeletedStreamStartsAnew(t *testing.T) {
	b := open(t, t.TempDir())
	for range 2 {
		ensure(t, b)
		for i := range uint64(3) {
			seq, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.a.h.p", After: i})
			if err != nil || seq != i+1 {
				t.Fatalf("sequence %d, error %v", seq, err)
			}
		}
		if err := b.Delete(t.Context(), "sync"); err != nil {
			t.Fatal(err)
		}
	}
	ensure(t, b)
	if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.a.h.p", After: 3}); !errors.Is(err, bus.ErrWrongSequence) {
		t.Errorf("a message for what is no more: %v", err)
	}
}

func TestPurgeDropsWhatIsBelow(t *testing.T) {
	for _, s := range streams {
		t.Run(s.Name, func(t *testing.T) {
			b := open(t, t.TempDir())
			ensure(t, b)
			subject := func(topic string) string { return "wr.hub." + s.Name + "." + topic + ".h.p" }
			last := map[string]uint64{}
			for range 5 {
				for _, topic := range []string{"a", "b"} { // a has 1, 3, 5, 7, 9
					seq, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject(topic), After: last[topic]})
					if err != nil {
						t.Fatal(err)
					}
					last[topic] = seq
				}
			}
			for _, step := range []struct {
				subject string
				before  uint64
				want    string
			}{
				{subject("a"), 1, "[1 2 3 4 5 6 7 8 9 10]"},
				{subject("a"), 5, "[2 4 5 6 7 8 9 10]"},
				{subject("*"), 5, "[5 6 7 8 9 10]"},
				{subject("a"), 100, "[6 8 10]"},
				{"", 8, "[8 10]"},
				{subject("b"), 0, "[]"},
			} {
				if err := b.Purge(t.Context(), s.Name, step.subject, step.before); err != nil {
					t.Fatal(err)
				}
				ms, err := b.Fetch(t.Context(), s.Name, subject("*"), 0, 100, 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				left := []uint64{}
				for _, m := range ms {
					left = append(left, m.Seq)
				}
				if fmt.Sprint(left) != step.want {
					t.Errorf("after %s before %d: %v", step.subject, step.before, left)
				}
			}
			if seq, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject("a")}); err != nil || seq != 11 {
				t.Errorf("a purged subject is empty, and sequences go on: %d, %v", seq, err)
			}
			state, err := b.State(t.Context(), s.Name)
			if err != nil || state.First != 11 || state.Last != 11 || state.Messages != 1 {
				t.Errorf("state %+v, error %v", state, err)
			}
		})
	}
}

func TestPurgedSpaceComesBack(t *testing.T) {
	t.Parallel() // it waits for the next pass over the blocks
	dir := t.TempDir()
	b := open(t, dir)
	ensure(t, b)
	const topics = 20
	var acked uint64
	for range 30 {
		last, err := b.PublishAll(t.Context(), "sync", round("sync", acked, topics))
		if err != nil {
			t.Fatal(err)
		}
		acked = last
	}
	before := diskUsage(t, dir)
	for i := range topics * 4 / 5 {
		if err := b.Purge(t.Context(), "sync", fmt.Sprintf("wr.hub.sync.t%d.h.p", i), 0); err != nil {
			t.Fatal(err)
		}
	}
	started := time.Now()
	for diskUsage(t, dir) > before/2 {
		if time.Since(started) > 20*time.Second {
			t.Fatalf("%d bytes of %d are still taken", diskUsage(t, dir), before)
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Logf("%d bytes became %d in %v", before, diskUsage(t, dir), time.Since(started))
}

func diskUsage(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			bytes += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

func TestFetchHonoursItsLimits(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	const size = 1 << 20
	last := map[int]uint64{}
	for i := range 20 {
		topic := i % 2
		seq, err := b.Publish(t.Context(), "async", bus.Msg{Subject: fmt.Sprintf("wr.hub.async.t%d.h.p", topic), Data: make([]byte, size), After: last[topic]})
		if err != nil {
			t.Fatal(err)
		}
		last[topic] = seq
	}
	for _, test := range []struct {
		subject        string
		from           uint64
		msgs, bytes    int
		want           int
		first, through uint64
	}{
		{"wr.hub.async.*.*.*", 1, 3, 1 << 30, 3, 1, 3},
		{"wr.hub.async.*.*.*", 1, 100, 1, 1, 1, 1},
		{"wr.hub.async.*.*.*", 1, 100, size + 1000, 2, 1, 2},
		{"wr.hub.async.*.*.*", 1, 100, 1 << 30, 8, 1, 8}, // 8 MiB
		{"wr.hub.async.t1.*.*", 3, 2, 1 << 30, 2, 4, 6},
		{"wr.hub.async.t1.h.p", 20, 100, 1 << 30, 1, 20, 20},
		{"wr.hub.async.*.*.*", 21, 100, 1 << 30, 0, 0, 0},
		{"wr.hub.async.t7.*.*", 1, 100, 1 << 30, 0, 0, 0},
	} {
		ms, err := b.Fetch(t.Context(), "async", test.subject, test.from, test.msgs, test.bytes)
		if err != nil || len(ms) != test.want {
			t.Errorf("%+v: %d messages, error %v", test, len(ms), err)
			continue
		}
		if len(ms) > 0 && (ms[0].Seq != test.first || ms[len(ms)-1].Seq != test.through) {
			t.Errorf("%+v: from %d to %d", test, ms[0].Seq, ms[len(ms)-1].Seq)
		}
	}
}

func TestSubjectsOfAStream(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	for _, subject := range []string{"wr.hub.sync.a.h.p", "wr.hub.sync.a.h.q", "wr.hub.sync.a.h.gone", "wr.hub.sync.b.h.p"} {
		if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: subject, Data: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Purge(t.Context(), "sync", "wr.hub.sync.a.h.gone", 0); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string][]string{
		"wr.hub.sync.a.*.*": {"wr.hub.sync.a.h.p", "wr.hub.sync.a.h.q"},
		"wr.hub.sync.c.*.*": nil,
	} {
		if got, err := b.Subjects(t.Context(), "sync", filter); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", filter, got, err)
		}
	}
	if _, err := b.Subjects(t.Context(), "none", "wr.hub.none.>"); !errors.Is(err, bus.ErrNoStream) {
		t.Errorf("of no stream: %v", err)
	}
}
