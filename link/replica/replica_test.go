package replica_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"waverider"
	"waverider/topic"
)

func TestWhatIsThereAndWhatComesArrives(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 3000)
	link(t, up(a, s))
	s.holds("t", map[string]int{"a": 3000})
	for n := 3000; n < 3200; n += 10 {
		a.produce("t", n, n+10)
		s.holds("t", map[string]int{"a": n + 10})
	}
	a.produce("u", 0, 10) // made while it is linked
	s.holds("u", map[string]int{"a": 10})
	cfg := s.topic("t").Config()
	if cfg.Scope != waverider.ScopeSpace || cfg.ContentType != waverider.TypeNDJSON {
		t.Errorf("the Topic there is %+v", cfg)
	}
}

// Whatever is cut at whichever byte, in whichever direction.
func TestCutsLoseAndDoubleNothing(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, s := newSite(t, "a"), newSite(t, "s")
			r := up(a, s)
			r.budget = cuts(seed, 80_000)
			c := link(t, r)
			for n := 0; n < 4000; n += 500 {
				a.produce("t", n, n+500)
			}
			s.holds("t", map[string]int{"a": 4000})
			c.mu.Lock()
			defer c.mu.Unlock()
			if len(c.errs) < 5 {
				t.Errorf("only %d streams", len(c.errs))
			}
		})
	}
}

// Two Hubs and a Space, all of which produce to one Topic, while everything is
// cut and restarted.
func TestTwoHopsBothWays(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			a, b, s := newSite(t, "a"), newSite(t, "b"), newSite(t, "s")
			sites := []*site{a, b, s}
			random := rand.New(rand.NewPCG(seed, 1))
			made := map[string]int{}
			var cords []*cord
			rounds := 6
			if slow {
				rounds = 3
			}
			for round := range rounds {
				for i, r := range []route{up(a, s), up(b, s), down(s, a), down(s, b)} {
					r.budget = cuts(seed*100+uint64(i*10+round), 80_000)
					cords = append(cords, link(t, r))
				}
				for range 5 {
					for _, x := range sites {
						n := random.IntN(300)
						x.produce("t", made[x.id], made[x.id]+n)
						made[x.id] += n
					}
				}
				if round%2 == 1 {
					for _, x := range sites {
						x.holds("t", made)
					}
				}
				for _, c := range cords {
					c.stop()
				}
				cords = nil
				for _, x := range sites {
					switch random.IntN(3) {
					case 0:
						x.restart()
					case 1:
						x.putBack(x.image()) // as after a kill
					}
				}
			}
			for _, r := range []route{up(a, s), up(b, s), down(s, a), down(s, b)} {
				link(t, r)
			}
			for _, x := range sites {
				x.holds("t", made)
			}
		})
	}
}

func TestReceiverThatWasPutBackGetsTheRestAgain(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 1000)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 1000})
	c.stop()
	old := s.image()
	a.produce("t", 1000, 2000)
	c = link(t, up(a, s))
	s.holds("t", map[string]int{"a": 2000})
	wait(t, "all is acked", c.quiet)
	c.stop()
	s.putBack(old)
	a.produce("t", 2000, 2100)
	c = link(t, up(a, s))
	s.holds("t", map[string]int{"a": 2100})
	if st := c.out.Stats()[0]; st.Resent != 1000 || st.Renewed != 1 || st.Missed != 0 || st.Records != 1100 {
		t.Errorf("stats of the sender: %+v", st)
	}
}

// A sender that was put back from a copy goes on with what it stored since, and
// what the receiver has of the time that is lost stays there.
func TestSenderThatWasPutBackLosesNothingOfSince(t *testing.T) {
	for _, linked := range []bool{true, false} { // when the copy was made
		for _, lives := range []int{1, 3} { // before it is linked again
			t.Run(fmt.Sprint(linked, lives), func(t *testing.T) {
				a, s := newSite(t, "a"), newSite(t, "s")
				a.produce("t", 0, 500)
				if err := a.topic("t").Remember(t.Context(), topic.FarSpace, 0); err != nil {
					t.Fatal(err)
				}
				if linked {
					c := link(t, up(a, s))
					s.holds("t", map[string]int{"a": 500})
					wait(t, "all is acked", c.quiet)
					c.stop()
				}
				old := a.image()
				a.restart()
				a.produce("t", 500, 1000)
				c := link(t, up(a, s))
				s.holds("t", map[string]int{"a": 1000})
				c.stop()

				a.putBack(old)
				a.id = "b" // it is another that produces now, by the same numbers
				for n := range lives {
					a.produce("t", n*300, n*300+300)
					if n+1 < lives {
						a.restart()
					}
				}
				r := up(a, s)
				r.producer = topic.FarHub + "a"
				c = link(t, r)
				want := map[string]int{"a": 1000, "b": 300 * lives}
				s.holds("t", want)
				c.stop()
				a.restart()
				a.produce("t", 300*lives, 300*lives+10)
				want["b"] += 10
				link(t, r.with(a))
				s.holds("t", want)
			})
		}
	}
}

func (r route) with(from *site) route {
	r.from = from
	return r
}

// The streams of a sender are older than what it remembers: its disk has lost
// what it had confirmed.
func TestSenderThatLostItsTailGoesOn(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	a.produce("t", 0, 500)
	c := link(t, up(a, s))
	s.holds("t", map[string]int{"a": 500})
	early := a.image()
	a.produce("t", 500, 1000)
	s.holds("t", map[string]int{"a": 1000})
	wait(t, "all is acked", c.quiet)
	c.stop()
	if err := a.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(a.dir, "topics.db"), filepath.Join(early, "topics.db")); err != nil {
		t.Fatal(err)
	}
	a.dir = early
	a.open()
	again := up(a, s)
	a.id = "since"
	a.produce("t", 0, 100)
	c = link(t, again)
	s.holds("t", map[string]int{"a": 1000, "since": 100})
	if st := c.out.Stats()[0]; st.Missed != 0 || st.Resent != 0 {
		t.Errorf("stats: %+v", st)
	}
}

// What an async Topic loses at a kill it may have sent: that stays at the
// receiver, and what comes after is not taken for it.
func TestAsyncSenderThatIsKilled(t *testing.T) {
	a, s := newSite(t, "a"), newSite(t, "s")
	if _, err := a.store.Create(t.Context(), waverider.TopicConfig{Name: "t", ContentType: waverider.TypeNDJSON, Durability: "async", Scope: waverider.ScopeSpace}); err != nil {
		t.Fatal(err)
	}
	a.produce("t", 0, 500)
	c := link(t, up(a, s))
	wait(t, "the Topic is there", func() bool { _, err := s.store.Topic("t"); return err == nil })
	s.holds("t", map[string]int{"a": 500})
	old := a.image()
	a.produce("t", 500, 1000)
	s.holds("t", map[string]int{"a": 1000})
	c.stop()
	a.putBack(old)
	again := up(a, s)
	a.id = "since"
	a.produce("t", 0, 700)
	link(t, again)
	s.holds("t", map[string]int{"a": 1000, "since": 700})
	if cfg := s.topic("t").Config(); cfg.Durability != "async" {
		t.Errorf("the Topic there is %s", cfg.Durability)
	}
}
