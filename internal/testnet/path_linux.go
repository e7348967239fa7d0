package testnet

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// Conditions are those of one direction.
type Conditions struct {
	Delay time.Duration // from one end to the other
	Rate  int64         // bytes a second for all connections together; 0: no limit
	Loss  float64       // share of segments that are lost, 0.9 at most
}

const (
	segment  = 1448                   // bytes of a stream that one packet carries
	leastRTO = 200 * time.Millisecond // before a lost segment is sent again
	leastRTT = time.Millisecond       // that a loss is reckoned with
)

// path is one direction from end to end, which all connections share.
//
// A stream shows a lost segment as a pause: what comes behind it waits until it
// was sent again, one round trip or leastRTO later, whichever is longer. Segments lost while
// one is waited for come again with it; the repetition may be lost as well, and then
// takes twice as long. Beside that a sender that sees loss slows down: to
// segment/RTT × 1.22/√loss, what congestion control holds at a steady loss.
type path struct {
	mu   sync.Mutex
	is   Conditions
	rtt  time.Duration // both directions
	free time.Time     // when the next byte may set out
	rnd  *rand.Rand
}

func newPath(seed, way uint64) *path { return &path{rnd: rand.New(rand.NewPCG(seed, way))} }

func (p *path) roundTrip() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rtt
}

func (p *path) set(c Conditions, rtt time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.Loss = min(c.Loss, 0.9) // something has to arrive
	p.is, p.rtt = c, rtt
}

// rate is what limits the path now; 0: nothing. mu is held.
func (p *path) rate() float64 {
	rate := float64(p.is.Rate)
	if p.is.Loss > 0 {
		lossy := segment / max(p.rtt, leastRTT).Seconds() * 1.22 / math.Sqrt(p.is.Loss)
		if rate == 0 || lossy < rate {
			rate = lossy
		}
	}
	return rate
}

// piece is how many bytes may set out at once: at a low rate few, so that they
// flow.
func (p *path) piece() int {
	const flow = 0.01 // seconds
	p.mu.Lock()
	defer p.mu.Unlock()
	if rate := p.rate(); rate > 0 {
		return max(segment/4, min(largestPiece, int(rate*flow)))
	}
	return largestPiece
}

// depart waits until n bytes may set out, and answers when they are there.
func (p *path) depart(ctx context.Context, n int) time.Time {
	p.mu.Lock()
	gone := time.Now()
	if rate := p.rate(); rate > 0 {
		if p.free.After(gone) {
			gone = p.free
		}
		gone = gone.Add(time.Duration(float64(n) / rate * float64(time.Second)))
		p.free = gone
	}
	there := gone.Add(p.is.Delay + p.pause(n))
	p.mu.Unlock()
	sleepUntil(ctx, gone)
	return there
}

// pause is how long the loss of segments among n bytes holds them up. mu is held.
func (p *path) pause(n int) (pause time.Duration) {
	if p.is.Loss <= 0 {
		return 0
	}
	segments := float64((n + segment - 1) / segment)
	lost := p.rnd.Float64() < 1-math.Pow(1-p.is.Loss, segments)
	for again := max(leastRTO, p.rtt); lost; again *= 2 {
		pause += again
		lost = p.rnd.Float64() < p.is.Loss
	}
	return pause
}

// sleepUntil returns at a moment, or when ctx ends.
func sleepUntil(ctx context.Context, at time.Time) {
	d := time.Until(at)
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
