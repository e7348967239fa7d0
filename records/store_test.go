package records_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/bus"
	"waverider/records"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("RECORDS_WRITER"); dir != "" {
		writeUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

type hub struct {
	Name   string   `json:"name"`
	Seen   int      `json:"seen"`
	Labels []string `json:"labels,omitempty"`
}

func logTo(t testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

func openBus(t testing.TB, dir string) *bus.Bus {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: dir, Hub: "space", MaxStore: 4 << 30, Log: logTo(t)})
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

func openOn(t testing.TB, b *bus.Bus) *records.Store {
	t.Helper()
	s, err := records.Open(t.Context(), b, logTo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func open(t testing.TB) (*records.Store, *records.Collection[hub]) {
	t.Helper()
	s := openOn(t, openBus(t, t.TempDir()))
	return s, records.Of[hub](s, "hubs")
}

func wantKind(t *testing.T, err error, kind waverider.Kind) {
	t.Helper()
	if err == nil || waverider.KindOf(err) != kind {
		t.Errorf("error is %v, want one of kind %s", err, kind)
	}
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestAValueIsCreatedReadChangedAndDeleted(t *testing.T) {
	_, hubs := open(t)
	ctx := t.Context()
	_, _, err := hubs.Get(ctx, "a")
	wantKind(t, err, waverider.NotFound)
	_, err = hubs.Update(ctx, "a", 1, hub{})
	wantKind(t, err, waverider.NotFound)
	wantKind(t, hubs.Delete(ctx, "a"), waverider.NotFound)

	rev := must[records.Rev](t)(hubs.Create(ctx, "a", hub{Name: "one"}))
	_, err = hubs.Create(ctx, "a", hub{Name: "two"})
	wantKind(t, err, waverider.Conflict)
	next := must[records.Rev](t)(hubs.Update(ctx, "a", rev, hub{Name: "three"}))
	if next == rev {
		t.Error("a change has the rev of the one before")
	}
	_, err = hubs.Update(ctx, "a", rev, hub{Name: "four"})
	wantKind(t, err, waverider.Conflict)
	wantKind(t, hubs.DeleteAt(ctx, "a", rev), waverider.Conflict)
	if got, at, err := hubs.Get(ctx, "a"); err != nil || got.Name != "three" || at != next {
		t.Errorf("got %+v at %d, error %v", got, at, err)
	}
	must[records.Rev](t)(hubs.Put(ctx, "b", hub{Name: "b"}))
	must[records.Rev](t)(hubs.Put(ctx, "a", hub{Name: "five"}))
	list, err := hubs.List(ctx)
	if err != nil || len(list) != 2 || list[0].Key != "a" || list[0].Value.Name != "five" || list[1].Key != "b" {
		t.Errorf("list is %+v, error %v", list, err)
	}
	if err := hubs.Delete(ctx, "a"); err != nil {
		t.Fatal(err)
	}
	_, _, err = hubs.Get(ctx, "a")
	wantKind(t, err, waverider.NotFound)
	_, err = hubs.Update(ctx, "a", next, hub{})
	wantKind(t, err, waverider.NotFound)
	must[records.Rev](t)(hubs.Create(ctx, "a", hub{Name: "six"}))
}

func TestCollectionsDoNotMix(t *testing.T) {
	s, hubs := open(t)
	tokens := records.Of[string](s, "hubs.a")
	must[records.Rev](t)(hubs.Put(t.Context(), "a.b", hub{Name: "a hub"}))
	must[records.Rev](t)(tokens.Put(t.Context(), "b", "a token"))
	if got, _, err := tokens.Get(t.Context(), "b"); err != nil || got != "a token" {
		t.Error(got, err)
	}
	if list, err := hubs.List(t.Context()); err != nil || len(list) != 1 {
		t.Error(list, err)
	}
}

func TestAnyKeyIsKept(t *testing.T) {
	b := openBus(t, t.TempDir())
	s := openOn(t, b)
	hubs := records.Of[hub](s, "hubs")
	keys := []string{"a", "A", "a.b", "*", ">", " ", "a b", "=2e", "=", "ü", "日本", "\x00\n", "wr.records.x.y", strings.Repeat(".", records.MaxKey)}
	for _, key := range keys {
		must[records.Rev](t)(hubs.Create(t.Context(), key, hub{Name: key}))
	}
	s.Close()
	hubs = records.Of[hub](openOn(t, b), "hubs")
	for _, key := range keys {
		if got, _, err := hubs.Get(t.Context(), key); err != nil || got.Name != key {
			t.Errorf("key %q has %+v, error %v", key, got, err)
		}
	}
	for _, key := range []string{"", "\xff", strings.Repeat("k", records.MaxKey+1)} {
		_, err := hubs.Put(t.Context(), key, hub{})
		wantKind(t, err, waverider.Invalid)
		_, _, err = hubs.Get(t.Context(), key)
		wantKind(t, err, waverider.Invalid)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("hubs", "a.b")
	f.Fuzz(func(t *testing.T, collection, key string) {
		c, k, ok := records.AddressOf(records.Subject(collection, key))
		if !ok || c != collection || k != key {
			t.Errorf("%q %q became %q %q", collection, key, c, k)
		}
		if c, k, ok := records.AddressOf("wr.records." + collection + "." + key); ok && records.Subject(c, k) != "wr.records."+collection+"."+key {
			t.Errorf("%q has two subjects", k)
		}
	})
}

func TestLimitsAreTold(t *testing.T) {
	s, _ := open(t)
	texts := records.Of[string](s, "texts")
	_, err := texts.Put(t.Context(), "a", strings.Repeat("x", records.MaxValue))
	wantKind(t, err, waverider.TooLarge)
	must[records.Rev](t)(texts.Put(t.Context(), "a", strings.Repeat("x", records.MaxValue-2)))
	s.SetLimits(2, 100<<10)
	must[records.Rev](t)(texts.Put(t.Context(), "b", "y"))
	_, err = texts.Put(t.Context(), "c", "z")
	wantKind(t, err, waverider.Full)
	_, err = texts.Put(t.Context(), "b", strings.Repeat("x", 60<<10))
	wantKind(t, err, waverider.Full)
	must[records.Rev](t)(texts.Put(t.Context(), "a", "smaller"))
	must[records.Rev](t)(texts.Put(t.Context(), "b", strings.Repeat("x", 60<<10)))
	if err := texts.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	must[records.Rev](t)(texts.Put(t.Context(), "c", "z"))
}

func TestValuesOutliveReopening(t *testing.T) {
	dir := t.TempDir()
	b := openBus(t, dir)
	s := openOn(t, b)
	hubs := records.Of[hub](s, "hubs")
	revs := map[string]records.Rev{}
	for i := range 300 {
		key := fmt.Sprint(i % 100)
		revs[key] = must[records.Rev](t)(hubs.Put(t.Context(), key, hub{Name: key, Seen: i}))
	}
	for i := range 50 {
		if err := hubs.Delete(t.Context(), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	check := func(s *records.Store) {
		t.Helper()
		hubs := records.Of[hub](s, "hubs")
		list, err := hubs.List(t.Context())
		if err != nil || len(list) != 50 {
			t.Fatalf("%d values, error %v", len(list), err)
		}
		for _, item := range list {
			if item.Value.Name != item.Key || item.Value.Seen < 250 || item.Rev != revs[item.Key] {
				t.Errorf("%+v, was stored with %d", item, revs[item.Key])
			}
		}
	}
	check(s)
	if err := b.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(s)
	if _, err := hubs.Update(t.Context(), "50", revs["50"], hub{Name: "50", Seen: 250}); err != nil {
		t.Error("after a restart:", err)
	}
	revs["50"]++ // whatever it is, it is the next of all
	revs["50"] = must[[]records.Item[hub]](t)(hubs.List(t.Context()))[0].Rev
	s.Close()
	_, _, err := hubs.Get(t.Context(), "50")
	if !errors.Is(err, records.ErrClosed) {
		t.Error("after Close:", err)
	}
	_, err = hubs.Put(t.Context(), "50", hub{})
	if !errors.Is(err, records.ErrClosed) {
		t.Error("after Close:", err)
	}
	check(openOn(t, b))
	copied := t.TempDir() // what a kill leaves behind
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	check(openOn(t, openBus(t, copied)))
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	check(openOn(t, openBus(t, dir)))
}

// Deleted values leave nothing in the stream, and values one message each.
func TestTheStreamHoldsWhatIsThere(t *testing.T) {
	b := openBus(t, t.TempDir())
	s := openOn(t, b)
	hubs := records.Of[hub](s, "hubs")
	deadline := time.After(30 * time.Second)
	for i := range 200 {
		key := fmt.Sprint("gone-", i)
		must[records.Rev](t)(hubs.Create(t.Context(), key, hub{}))
		must[records.Rev](t)(hubs.Put(t.Context(), "stays", hub{Seen: i}))
		if err := hubs.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	s.TrimFrom(-1 << 20)
	for {
		state, err := b.State(t.Context(), "records")
		if err != nil {
			t.Fatal(err)
		}
		if state.Messages == 1 {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d messages", state.Messages)
		}
	}
	if got, _, err := hubs.Get(t.Context(), "stays"); err != nil || got.Seen != 199 {
		t.Error(got, err)
	}
	must[records.Rev](t)(hubs.Create(t.Context(), "gone-7", hub{}))
}

func TestAValueOfAnotherShapeIsAnError(t *testing.T) {
	s, hubs := open(t)
	must[records.Rev](t)(records.Of[[]int](s, "hubs").Put(t.Context(), "a", []int{1}))
	_, _, err := hubs.Get(t.Context(), "a")
	wantKind(t, err, waverider.Internal)
	_, err = hubs.List(t.Context())
	wantKind(t, err, waverider.Internal)
}

func TestACallEndsWithItsContext(t *testing.T) {
	_, hubs := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hubs.Put(ctx, "a", hub{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, _, err := hubs.Get(ctx, "a"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func discard() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
