package records_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"waverider/records"
)

// follow gives the events of a watch one by one.
func follow(t *testing.T, ctx context.Context, hubs *records.Collection[hub]) (next func() string) {
	t.Helper()
	pull, stop := iter.Pull2(hubs.Watch(ctx))
	t.Cleanup(stop)
	return func() string {
		t.Helper()
		e, err, ok := pull()
		switch {
		case !ok:
			return "end"
		case errors.Is(err, records.ErrClosed):
			return "closed"
		case err != nil:
			return "error at " + e.Key
		case e.Change == records.Told:
			return "told"
		case e.Change == records.Deleted:
			return "deleted " + e.Key
		}
		return fmt.Sprintf("%s=%d", e.Key, e.Value.Seen)
	}
}

func expect(t *testing.T, next func() string, want ...string) {
	t.Helper()
	for _, w := range want {
		if got := next(); got != w {
			t.Fatalf("got %q, want %q", got, w)
		}
	}
}

func TestWatchTellsWhatIsThereThenWhatChanges(t *testing.T) {
	s, hubs := open(t)
	put := func(key string, n int) {
		t.Helper()
		must[records.Rev](t)(hubs.Put(t.Context(), key, hub{Seen: n}))
	}
	remove := func(key string) {
		t.Helper()
		if err := hubs.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	put("a", 1)
	put("b", 1)
	put("gone", 1)
	put("a", 2)
	remove("gone")
	next := follow(t, t.Context(), hubs)
	expect(t, next, "b=1", "a=2", "told")
	put("c", 1)
	expect(t, next, "c=1")
	remove("c")
	expect(t, next, "deleted c")

	put("a", 3) // of what changes faster than it is asked for, the newest
	put("b", 2)
	put("a", 4)
	put("unseen", 1)
	remove("unseen")
	remove("b")
	put("b", 5)
	must[records.Rev](t)(records.Of[hub](s, "other").Put(t.Context(), "a", hub{}))
	put("d", 1)
	expect(t, next, "a=4", "b=5", "d=1")

	must[records.Rev](t)(records.Of[int](s, "hubs").Put(t.Context(), "bad", 1))
	put("d", 2)
	expect(t, next, "error at bad", "d=2")
	go s.Close()
	expect(t, next, "closed", "end")
	expect(t, follow(t, t.Context(), hubs), "closed", "end")
}

func TestWatchEndsWithItsContext(t *testing.T) {
	_, hubs := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	next := follow(t, ctx, hubs)
	expect(t, next, "told")
	cancel()
	expect(t, next, "end")
}

func TestASlowWatchHoldsNoMoreThanThereIs(t *testing.T) {
	s, hubs := open(t)
	for _, told := range []bool{false, true} {
		must[records.Rev](t)(hubs.Put(t.Context(), "a", hub{}))
		must[records.Rev](t)(hubs.Put(t.Context(), "b", hub{}))
		next := follow(t, t.Context(), hubs)
		expect(t, next, "a=0")
		if told {
			expect(t, next, "b=0", "told")
		}
		for i := range 300 {
			key := fmt.Sprint("passing-", i)
			must[records.Rev](t)(hubs.Put(t.Context(), key, hub{}))
			must[records.Rev](t)(hubs.Put(t.Context(), "a", hub{Seen: i}))
			if err := hubs.Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		if n := s.Queued(); n > 200 {
			t.Errorf("%d keys wait for a watch that has stopped", n)
		}
		if !told {
			expect(t, next, "b=0", "told")
		}
		expect(t, next, "a=299")
	}
}
