package records_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"waverider"
	"waverider/bus"
	"waverider/records"
)

func TestOneOfManyUpdatesWins(t *testing.T) {
	_, hubs := open(t)
	rev := must[records.Rev](t)(hubs.Create(t.Context(), "a", hub{}))
	for round := range 50 {
		var won, lost atomic.Int32
		var group sync.WaitGroup
		var next atomic.Uint64
		for i := range 8 {
			group.Go(func() {
				got, err := hubs.Update(t.Context(), "a", rev, hub{Seen: round*8 + i})
				switch {
				case err == nil:
					won.Add(1)
					next.Store(uint64(got))
				case waverider.KindOf(err) == waverider.Conflict:
					lost.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 || lost.Load() != 7 {
			t.Fatalf("%d won, %d lost", won.Load(), lost.Load())
		}
		if _, at, err := hubs.Get(t.Context(), "a"); err != nil || uint64(at) != next.Load() {
			t.Fatalf("rev %d, the winner has %d, error %v", at, next.Load(), err)
		}
		rev = records.Rev(next.Load())
	}
}

func TestOneOfManyTakesAToken(t *testing.T) {
	_, hubs := open(t)
	for range 20 {
		rev := must[records.Rev](t)(hubs.Create(t.Context(), "token", hub{}))
		var won atomic.Int32
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				if hubs.DeleteAt(t.Context(), "token", rev) == nil {
					won.Add(1)
				}
			})
		}
		group.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d took it", won.Load())
		}
	}
}

func TestManyPutsOfOneKeyAllEnd(t *testing.T) {
	_, hubs := open(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			for n := range 20 {
				if _, err := hubs.Put(t.Context(), "a", hub{Name: fmt.Sprint(i), Seen: n}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	if got, _, err := hubs.Get(t.Context(), "a"); err != nil || got.Seen != 19 {
		t.Errorf("the last is %+v, error %v", got, err)
	}
}

// restarting starts the engine anew, again and again, with room to work between.
func restarting(t *testing.T, b *bus.Bus) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := b.Restart(context.WithoutCancel(ctx)); err != nil {
				t.Error("restart", err)
			}
			time.Sleep(50 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

// Each writer counts up in a key of its own: a change that is stored twice or
// not at all would be seen as a conflict, or in the end.
func TestChangesGoOnThroughRestartsOfTheEngine(t *testing.T) {
	b := openBus(t, t.TempDir())
	s := openOn(t, b)
	hubs := records.Of[hub](s, "hubs")
	stop := restarting(t, b)
	const steps = 200
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			key := fmt.Sprint(w)
			rev, err := hubs.Create(t.Context(), key, hub{})
			for i := 1; err == nil && i < steps; i++ {
				rev, err = hubs.Update(t.Context(), key, rev, hub{Seen: i})
			}
			if err == nil {
				err = hubs.DeleteAt(t.Context(), key, rev)
			}
			if err == nil {
				_, err = hubs.Create(t.Context(), key, hub{Seen: steps})
			}
			if err != nil {
				t.Error(key, err)
			}
		})
	}
	group.Wait()
	stop()
	s.Close()
	list, err := records.Of[hub](openOn(t, b), "hubs").List(t.Context())
	if err != nil || len(list) != 4 {
		t.Fatalf("%d values, error %v", len(list), err)
	}
	for _, item := range list {
		if item.Value.Seen != steps {
			t.Errorf("%s came to %d", item.Key, item.Value.Seen)
		}
	}
}

// What was given up is stored or not; which of the two is seen soon.
func TestAWriteThatIsGivenUpIsLookedAfter(t *testing.T) {
	b := openBus(t, t.TempDir())
	s := openOn(t, b)
	hubs := records.Of[hub](s, "hubs")
	stop := restarting(t, b)
	var gaveUp atomic.Int32
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%20)*500*time.Microsecond)
				key := fmt.Sprint(w, "-", i)
				_, err := hubs.Put(ctx, key, hub{Seen: i})
				if err == nil && i%3 == 0 {
					err = hubs.Delete(ctx, key)
				}
				if cancel(); err != nil {
					gaveUp.Add(1)
				}
			}
		})
	}
	group.Wait()
	stop()
	t.Logf("%d writes were given up", gaveUp.Load())
	deadline := time.Now().Add(20 * time.Second)
	for {
		inMemory := must[[]records.Item[hub]](t)(hubs.List(t.Context()))
		onDisk := must[[]records.Item[hub]](t)(records.Of[hub](openOn(t, b), "hubs").List(t.Context()))
		if reflect.DeepEqual(inMemory, onDisk) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in memory is %+v, on disk %+v", inMemory, onDisk)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
