package topic_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func TestReaderThatRestsGoesOn(t *testing.T) {
	for _, d := range []string{"sync", "async"} {
		s := open(t, t.TempDir())
		top := create(t, s, "a", waverider.Durability(d))
		write(t, top, 0, 10, 50)
		r, err := top.Durable(t.Context(), topic.FarSpace, topic.From{}, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		m, err := r.Poll(t.Context())
		if err != nil || m == nil || m.From != 1 || m.To != 11 {
			t.Fatalf("%s: %+v, %v", d, m, err)
		}
		m.Release()
		if m, err := r.Poll(t.Context()); m != nil || err != nil {
			t.Errorf("%s: more: %+v, %v", d, m, err)
		}
		for n := 10; n < 100; n += 10 {
			rested := make(chan error)
			go func() { rested <- r.Rest(t.Context()) }()
			write(t, top, n, n+10, 50)
			if err := <-rested; err != nil {
				t.Fatal(err)
			}
			m, err := r.Next(t.Context())
			if err != nil || m.From != uint64(n+1) || m.To != uint64(n+11) || m.Missed != 0 {
				t.Fatalf("%s: after rest: %+v, %v", d, m, err)
			}
			m.Release()
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := r.Rest(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", d, err)
		}
		r.GoTo(51)
		if m, err = r.Next(t.Context()); err != nil || m.From != 51 || r.Place().Number != 1 {
			t.Errorf("%s: went to %+v, %v, the cursor is at %d", d, m, err, r.Place().Number)
		}
		m.Release()
		r.GoTo(1000)
		if m, err = r.Poll(t.Context()); m != nil || err != nil {
			t.Errorf("%s: beyond the end: %+v, %v", d, m, err)
		}
	}
}
