package testnet

import (
	"context"
	"math/rand/v2"
	"time"
)

// Flap is one time a way is gone.
type Flap struct {
	Well   time.Duration // before it
	Gone   time.Duration
	Silent bool // nobody is told; else everything is reset and refused
}

// Flaps plans a way that comes and goes for a time: each state lasts from a
// tenth of most up to most, one time in three it goes in silence.
func Flaps(seed uint64, total, most time.Duration) (plan []Flap) {
	rnd := rand.New(rand.NewPCG(seed, 3))
	some := func() time.Duration { return most/10 + time.Duration(rnd.Int64N(int64(most-most/10))) }
	for at := time.Duration(0); ; {
		f := Flap{Well: some(), Gone: some(), Silent: rnd.IntN(3) == 0}
		if at += f.Well + f.Gone; at > total {
			return plan
		}
		plan = append(plan, f)
	}
}

// Flap follows a plan and heals at its end.
func (p *Proxy) Flap(ctx context.Context, plan []Flap) error {
	for _, f := range plan {
		sleepUntil(ctx, time.Now().Add(f.Well))
		if f.Silent {
			p.Silence()
		} else {
			p.Cut()
		}
		sleepUntil(ctx, time.Now().Add(f.Gone))
		if err := p.Heal(); err != nil {
			return err
		}
	}
	return ctx.Err()
}
