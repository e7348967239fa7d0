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
	epoch  uint32 // where the receiver was then
	end    uint64
}

func (m model) copy() model {
	m.lives, m.values = slices.Clone(m.lives), maps.Clone(m.values)
	return m
}

// far is a receiver: it takes what comes after what it has.
type far struct {
	epoch uint32
	end   uint64
	got   []int
}

// A sender is killed, and put back from copies that are older, again and again,
// with streams that break off between. What it has in the end has arrived once,
// in the order in which it was stored, and nothing has ever arrived twice.
func TestPlacesAreFoundWhateverIsPutBack(t *testing.T) {
	for seed := range uint64(3000) {
		random := rand.New(rand.NewPCG(seed, 3))
		epoch := uint32(100)
		begin := func(m *model, above uint32) {
			epoch = max(epoch, above) + 1 + random.Uint32N(3)
			m.lives = append(m.lives, topic.Life{Epoch: epoch, Since: epoch, First: m.next})
		}
		m := model{values: map[uint64]int{}, next: 1, acked: 1}
		begin(&m, 0)
		f := far{}
		value := 0
		var copies []model
		send := func(most int) {
			s := replica.Standing{Lives: m.lives, Oldest: 1, Next: m.next, Acked: m.acked, ToldEpoch: m.epoch, ToldEnd: m.end}
			at, renew := s.Resume(f.epoch, f.end)
			floor := f.epoch
			if renew {
				begin(&m, f.epoch)
				floor = epoch
			}
			for ; at < m.next && most > 0; most-- {
				e := floor
				for _, l := range m.lives {
					if at >= l.First {
						e = max(e, l.Epoch)
					}
				}
				if e < f.epoch || e == f.epoch && at < f.end {
					t.Fatalf("seed %d: sends %d of epoch %d to one at %d of %d", seed, at, e, f.end, f.epoch)
				}
				floor, f.epoch, f.end = e, e, at+1
				f.got = append(f.got, m.values[at])
				at++
				if random.IntN(3) > 0 && at > m.acked { // else the ack is on its way
					m.acked, m.epoch, m.end = at, f.epoch, f.end
				}
			}
		}
		for range 5 + random.IntN(40) {
			switch random.IntN(6) {
			case 0, 1:
				for range random.IntN(5) {
					value++
					m.values[m.next] = value
					m.next++
				}
			case 2, 3:
				send(random.IntN(10))
			case 4:
				copies = append(copies, m.copy())
				begin(&m, 0) // the process ends: a copy is of none that runs on
			case 5:
				if len(copies) > 0 && random.IntN(2) == 0 {
					i := random.IntN(len(copies))
					m, copies = copies[i].copy(), copies[:i+1] // none is of what was given up
				}
				begin(&m, 0)
			}
		}
		send(1 << 30)
		seen := map[int]int{}
		for i, v := range f.got {
			if _, twice := seen[v]; twice {
				t.Fatalf("seed %d: %d arrived twice: %v", seed, v, f.got)
			}
			seen[v] = i
		}
		last := -1
		for n := uint64(1); n < m.next; n++ {
			i, ok := seen[m.values[n]]
			if !ok {
				t.Fatalf("seed %d: %d never arrived: %v, lives %+v", seed, m.values[n], f.got, m.lives)
			}
			if i < last {
				t.Fatalf("seed %d: %d arrived too early: %v", seed, m.values[n], f.got)
			}
			last = i
		}
	}
}
