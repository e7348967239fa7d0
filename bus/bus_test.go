package bus_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"waverider/bus"

	"github.com/nats-io/nats-server/v2/server"
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

// round returns n messages, one for each subject, that follow on those published before.
func round(stream string, last uint64, n int) []bus.Msg {
	ms := make([]bus.Msg, n)
	for i := range ms {
		seq := last + uint64(i) + 1
		ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.%s.t%d.h.p", stream, i), Data: content(seq)}
		if seq > uint64(n) {
			ms[i].After = seq - uint64(n)
		}
	}
	return ms
}

// content is different for each sequence.
func content(seq uint64) []byte {
	return fmt.Appendf(make([]byte, 64<<10), "%d", seq)
}

func checkRounds(t *testing.T, b *bus.Bus, stream string, last uint64) {
	t.Helper()
	next := uint64(1)
	for {
		ms, err := b.Fetch(t.Context(), stream, "wr.hub."+stream+".*.*.*", next, 100, 8<<20)
		if err != nil {
			t.Fatal(err)
		}
		if len(ms) == 0 {
			break
		}
		for _, m := range ms {
			if m.Seq != next || string(m.Data) != string(content(next)) {
				t.Fatalf("message %d has sequence %d and other content", next, m.Seq)
			}
			next++
		}
	}
	if next != last+1 {
		t.Errorf("%d messages can be read, the stream says %d", next-1, last)
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
	if err := b.Restart(context.Background()); !errors.Is(err, bus.ErrUnavailable) {
		t.Errorf("restart after Close: %v", err)
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

// A copy of the folder, made while the engine writes, is what a kill leaves behind.
func TestACopyOfTheOpenFolderHasWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ensure(t, b)
	const topics = 5
	acked := map[string]uint64{}
	for range 40 {
		last, err := b.PublishAll(t.Context(), "sync", round("sync", acked["sync"], topics))
		if err != nil {
			t.Fatal(err)
		}
		acked["sync"] = last
		seqs, errs := b.PublishEach(t.Context(), "async", round("async", acked["async"], topics))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		acked["async"] = seqs[topics-1]
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	c := open(t, copied)
	t.Logf("open took %v", time.Since(started))
	for _, s := range streams {
		state, err := c.State(t.Context(), s.Name)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("stream %s: %d acknowledged, %d there", s.Name, acked[s.Name], state.Last)
		if state.Last > acked[s.Name] || state.Last < acked[s.Name] && s.Kind == bus.Sync {
			t.Errorf("stream %s: %d acknowledged, %d there", s.Name, acked[s.Name], state.Last)
		}
		checkRounds(t, c, s.Name, state.Last)
		if err := c.Ensure(t.Context(), s); err != nil {
			t.Error(err)
		}
		next := round(s.Name, state.Last, topics)[0]
		next.Subject, next.After = "wr.hub."+s.Name+".z.h.p", 0
		if seq, err := c.Publish(t.Context(), s.Name, next); err != nil || seq != state.Last+1 {
			t.Errorf("stream %s goes on with %d, error %v", s.Name, seq, err)
		}
	}
}

func TestAFolderOfANewerEngineIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := open(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "engine")
	ours, err := os.ReadFile(path)
	if err != nil || string(ours) != "nats-server "+server.VERSION+"\n" {
		t.Fatalf("%q, error %v", ours, err)
	}
	for version, refused := range map[string]bool{
		"2.15.2": false, "2.9.30": false, "1.99.99": false,
		"2.15.999": true, "2.100.0": true, "3.0.0": true, "2.100.0-RC.1": true,
		"2.15": true, "2.x.1": true, "": true,
	} {
		if err := os.WriteFile(path, []byte("nats-server "+version+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		b, err := bus.Open(t.Context(), config(t, dir))
		if err == nil {
			err = b.Close()
		} else if !refused {
			t.Errorf("%s: %v", version, err)
		}
		left, readErr := os.ReadFile(path)
		if readErr != nil {
			t.Fatal(readErr)
		}
		switch {
		case refused && err == nil:
			t.Errorf("%q was taken", version)
		case refused && strings.TrimSpace(string(left)) != strings.TrimSpace("nats-server "+version):
			t.Errorf("%q was refused and replaced by %q", version, left)
		case !refused && !bytes.Equal(left, ours):
			t.Errorf("%q was taken and left as %q", version, left)
		}
	}
}

func TestAnEngineThatCannotStartSaysWhy(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b, err := bus.Open(t.Context(), config(t, dir)); err == nil {
		t.Error("open", b.Close())
	} else if !strings.Contains(err.Error(), dir) {
		t.Errorf("the error names no folder: %v", err)
	}
	for _, c := range []bus.Config{{}, {Dir: dir}, {Dir: dir, Hub: "h"}} {
		if b, err := bus.Open(t.Context(), c); err == nil {
			t.Errorf("%+v was taken: %v", c, b.Close())
		}
	}
}

func TestTheEngineChattersNothing(t *testing.T) {
	var log bytes.Buffer
	c := config(t, t.TempDir())
	c.MaxStore = 1 << 50
	c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for range 2 {
		b, err := bus.Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		ensure(t, b)
		if err := b.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Error(err)
		}
	}
	if log.Len() > 0 {
		t.Errorf("it says: %s", log.String())
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, subjects := range []int{0, 10_000} {
		b.Run(fmt.Sprint(subjects), func(b *testing.B) {
			dir := b.TempDir()
			store, err := bus.Open(b.Context(), config(b, dir))
			if err != nil {
				b.Fatal(err)
			}
			ensure(b, store)
			for from := 0; from < subjects; from += bus.MaxBatch {
				ms := make([]bus.Msg, bus.MaxBatch)
				for i := range ms {
					ms[i] = bus.Msg{Subject: fmt.Sprintf("wr.hub.sync.t%d.h.p", from+i), Data: make([]byte, 200)}
				}
				if _, err := store.PublishAll(b.Context(), "sync", ms); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				b.StopTimer()
				if err := store.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if store, err = bus.Open(b.Context(), config(b, dir)); err != nil {
					b.Fatal(err)
				}
			}
			if err := store.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
