package runner_test

import (
	"testing"

	"waverider/runner"
)

func TestHeldMessageComesAgainToTheNextHub(t *testing.T) {
	b := newBench(t)
	r := b.runner()
	next := func(want string) {
		t.Helper()
		m, err := b.s.Receive(b.ctx)
		b.ok(err)
		if m.Type != want {
			t.Fatalf("%s came, want %s", m.Type, want)
		}
	}
	for _, typ := range []string{"first", "held", "behind"} {
		b.ok(r.Send(typ, nil))
	}
	next("first")
	next("held")
	release := b.s.Hold()
	next("behind")
	release()
	release()
	b.ok(r.Send("last", nil))
	next("last")
	b.s.Hold()
	b.ok(r.Send("behind", nil))
	next("behind")

	b.ok(b.s.Detach())
	b.l.Forget(b.s)
	b.s = runner.NewSession(runner.SessionConfig{Key: b.key, Resume: true})
	b.l.Expect(b.s)
	next("last")
	next("behind")
	b.ok(r.Send("end", nil))
	next("end")
}
