package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"waverider/bus"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func config(t testing.TB, dir string) bus.Config {
	return bus.Config{Dir: dir, Hub: "test", MaxStore: 1 << 30, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

func open(t testing.TB, dir string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), config(t, dir))
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

var streams = []bus.Stream{
	{Name: "sync", Subjects: []string{"wr.hub.sync.*.*.*"}, Kind: bus.Sync},
	{Name: "async", Subjects: []string{"wr.hub.async.*.*.*"}, Kind: bus.Async},
}

func ensure(t testing.TB, b *bus.Bus) {
	t.Helper()
	for _, s := range streams {
		if err := b.Ensure(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatIsPublishedIsRead(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	for _, s := range streams {
		t.Run(s.Name, func(t *testing.T) {
			subject := func(topic string) string { return "wr.hub." + s.Name + "." + topic + ".h.p" }
			started := time.Now().Add(-time.Second)
			seq, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject("a"), Data: []byte("one")})
			if err != nil || seq != 1 {
				t.Fatalf("sequence %d, error %v", seq, err)
			}
			if _, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: subject("a"), Data: []byte("two")}); !errors.Is(err, bus.ErrWrongSequence) {
				t.Fatalf("a message that expects an empty subject: %v", err)
			}
			seqs, errs := b.PublishEach(t.Context(), s.Name, []bus.Msg{
				{Subject: subject("a"), Data: []byte("two"), After: 1},
				{Subject: subject("b"), Data: []byte("bad"), After: 7},
				{Subject: subject("c"), Data: []byte("three")},
			})
			if fmt.Sprint(seqs) != "[2 0 3]" || errs[0] != nil || !errors.Is(errs[1], bus.ErrWrongSequence) || errs[2] != nil {
				t.Fatalf("sequences %v, errors %v", seqs, errs)
			}
			got, err := b.Fetch(t.Context(), s.Name, subject("*"), 1, 10, 1<<20)
			if err != nil || len(got) != 3 {
				t.Fatalf("%d messages, error %v", len(got), err)
			}
			for i, want := range []string{"one", "two", "three"} {
				if string(got[i].Data) != want || got[i].Seq != uint64(i+1) || got[i].Time.Before(started) {
					t.Errorf("message %d is %+v", i+1, got[i])
				}
			}
			last, err := b.LastOf(t.Context(), s.Name, subject("a"))
			if err != nil || last.Seq != 2 || string(last.Data) != "two" || last.Subject != subject("a") {
				t.Errorf("last is %+v, error %v", last, err)
			}
			if _, err := b.LastOf(t.Context(), s.Name, subject("b")); !errors.Is(err, bus.ErrNotFound) {
				t.Errorf("last of an empty subject: %v", err)
			}
			next, err := b.NextOf(t.Context(), s.Name, subject("*"), 3)
			if err != nil || next.Subject != subject("c") {
				t.Errorf("next is %+v, error %v", next, err)
			}
			if _, err := b.NextOf(t.Context(), s.Name, subject("a"), 3); !errors.Is(err, bus.ErrNotFound) {
				t.Errorf("next after the end: %v", err)
			}
		})
	}
}

func TestMessagesOutliveCloseAndRestart(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ensure(t, b)
	for _, s := range streams {
		if _, err := b.Publish(t.Context(), s.Name, bus.Msg{Subject: "wr.hub." + s.Name + ".a.h.p", Data: []byte("kept")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := func(b *bus.Bus) {
		t.Helper()
		for _, s := range streams {
			if m, err := b.LastOf(t.Context(), s.Name, "wr.hub."+s.Name+".a.h.p"); err != nil || string(m.Data) != "kept" {
				t.Errorf("stream %s has %+v, error %v", s.Name, m, err)
			}
		}
	}
	check(b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.State(context.Background(), "sync"); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
	check(open(t, dir))
}

func TestBatchIsAllOrNone(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	batch := func(stale int) []bus.Msg {
		ms := make([]bus.Msg, 1000)
		for i := range ms {
			ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.sync.t%d.h.p", i), Data: bytes.Repeat([]byte{byte(i)}, 100)}
		}
		if stale >= 0 {
			ms[stale].After = 5
		}
		return ms
	}
	if _, err := b.PublishAll(t.Context(), "sync", batch(500)); !errors.Is(err, bus.ErrWrongSequence) {
		t.Fatalf("one stale message in a batch: %v", err)
	}
	if s, err := b.State(t.Context(), "sync"); err != nil || s.Messages != 0 {
		t.Fatalf("after a refused batch: %+v, error %v", s, err)
	}
	last, err := b.PublishAll(t.Context(), "sync", batch(-1))
	if err != nil || last != 1000 {
		t.Fatalf("last is %d, error %v", last, err)
	}
	for _, i := range []int{0, 1, 500, 999} {
		m, err := b.LastOf(t.Context(), "sync", fmt.Sprintf("wr.hub.sync.t%d.h.p", i))
		if err != nil || m.Seq != last-999+uint64(i) || m.Data[0] != byte(i) {
			t.Errorf("message %d has sequence %d, error %v", i, m.Seq, err)
		}
	}
}
