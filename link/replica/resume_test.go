package replica_test

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"waverider/link/replica"
	"waverider/topic"
)

// model is a sender's Topic as far as it matters to where it begins.
type model struct {
	lives  []topic.Life
	values map[uint64]int // by number
	next   uint64
	acked  uint64
	told   replica.Place // where the receiver was then
}

func (m model) copy() model {
	m.lives, m.values = slices.Clone(m.lives), maps.Clone(m.values)
	return m
}

// begin begins a life, with an epoch that no other branch of copies has.
func (m *model) begin(random *rand.Rand) {
	var above uint32
	if len(m.lives) > 0 {
		above = m.lives[len(m.lives)-1].Epoch
	}
	epoch := above + 1 + random.Uint32N(1<<20)
	m.lives = append(m.lives, topic.Life{Epoch: epoch, Since: epoch, First: m.next})
}

// far is a receiver: it takes what comes after what it has.
type far struct {
	at   replica.Place
	past []replica.Place
	got  []int
}

func (f far) copy() far {
	f.past, f.got = slices.Clone(f.past), slices.Clone(f.got)
	return f
}

// send is a stream that breaks off after so many records. Some acks are lost.
func send(t *testing.T, random *rand.Rand, m *model, f *far, most int) {
	s := replica.Standing{Lives: m.lives, Oldest: 1, Next: m.next, Acked: m.acked, ToldEpoch: m.told.Epoch, ToldEnd: m.told.End}
	n, renew := s.Resume(f.at, f.past)
	if renew {
		t.Fatal("nothing was put back while it ran")
	}
	for ; n < m.next && most > 0; most-- {
		var epoch uint32
		for _, l := range m.lives {
			if n >= l.First {
				epoch = l.Epoch
			}
		}
		for _, p := range append(slices.Clone(f.past), f.at) {
			if p.Epoch == epoch && n < p.End {
				t.Fatalf("%d of epoch %d is sent to one that has %+v", n, epoch, p)
			}
		}
		if f.at.Epoch != epoch && f.at.Epoch != 0 {
			f.past = append(slices.DeleteFunc(f.past, func(p replica.Place) bool { return p.Epoch == f.at.Epoch || p.Epoch == epoch }), f.at)
		}
		f.at = replica.Place{Epoch: epoch, End: n + 1}
		f.got = append(f.got, m.values[n])
		n++
		if random.IntN(3) > 0 && n > m.acked {
			m.acked, m.told = n, f.at
		}
	}
}

// A sender and a receiver are killed, and put back from copies of any time, again
// and again, with streams that break off between. What the sender has in the end
// has arrived once, in the order in which it was stored, and nothing twice.
func TestPlacesAreFoundWhateverIsPutBack(t *testing.T) {
	for _, both := range []bool{false, true} {
		for seed := range uint64(3000) {
			random := rand.New(rand.NewPCG(seed, 3))
			m, f := model{values: map[uint64]int{}, next: 1, acked: 1}, far{}
			m.begin(random)
			value := 0
			var copies []model
			var fars []far
			for range 5 + random.IntN(20) {
				for range random.IntN(5) {
					value++
					m.values[m.next] = value
					m.next++
				}
				if random.IntN(2) == 0 {
					send(t, random, &m, &f, random.IntN(10))
				}
				switch random.IntN(5) {
				case 0:
					copies = append(copies, m.copy())
				case 1:
					if len(copies) > 0 {
						m = copies[random.IntN(len(copies))].copy()
					}
					m.begin(random)
				case 2:
					if both {
						fars = append(fars, f.copy())
					}
				case 3:
					if len(fars) > 0 {
						f = fars[random.IntN(len(fars))].copy()
					}
				}
			}
			send(t, random, &m, &f, 1<<30)
			arrived(t, seed, m, f)
			if t.Failed() {
				return
			}
		}
	}
}

// arrived checks what a receiver has in the end.
func arrived(t *testing.T, seed uint64, m model, f far) {
	seen := map[int]int{}
	for i, v := range f.got {
		if _, twice := seen[v]; twice {
			t.Errorf("seed %d: %d arrived twice: %v", seed, v, f.got)
		}
		seen[v] = i
	}
	last := -1
	for n := uint64(1); n < m.next; n++ {
		i, ok := seen[m.values[n]]
		if !ok {
			t.Errorf("seed %d: %d never arrived: %v, lives %+v", seed, m.values[n], f.got, m.lives)
		} else if i < last {
			t.Errorf("seed %d: %d arrived too early: %v", seed, m.values[n], f.got)
		}
		last = max(last, i)
	}
}
