package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testspace"
)

// Bars of the Link.
const (
	noticedWithin = 10 * time.Second // that the other is away
	healedWithin  = 3 * time.Second  // after a cut, the first record
	killedWithin  = 6 * time.Second  // after the Space was killed, likewise
	drainFactor   = 5                // of the input rate
	pollEvery     = 50 * time.Millisecond
)

// side is one that has to notice that the other is away.
type side struct {
	name string
	away func(ctx context.Context) (bool, error)
}

// edgeSays is what edge says of the Space.
func (m *mesh) edgeSays() side {
	return side{"edge", func(ctx context.Context) (bool, error) {
		l, err := m.edge.Link(ctx)
		return !l.Connected(), err
	}}
}

// spaceSays is what the Space says of edge.
func (m *mesh) spaceSays() side {
	return side{"the Space", func(ctx context.Context) (bool, error) {
		h, err := m.hubAtSpace(ctx, "edge")
		return !h.Connected, err
	}}
}

func (m *mesh) hubAtSpace(ctx context.Context, name string) (testspace.LinkedHub, error) {
	list, err := m.space.Hubs(ctx)
	for _, h := range list {
		if h.Name == name || h.ID == name {
			return h, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("the Space does not know a Hub %s", name)
	}
	return testspace.LinkedHub{}, err
}

// noticed waits until each side says that the other is away, and how long it
// took since then.
func (m *mesh) noticed(ctx context.Context, since time.Time, sides ...side) {
	ctx, cancel := context.WithTimeout(ctx, time.Until(since.Add(noticedWithin+waitFlow)))
	defer cancel()
	var wg sync.WaitGroup
	for _, s := range sides {
		wg.Go(func() {
			for {
				asked := time.Now() // what it says may be old when it comes
				away, err := s.away(ctx)
				if err == nil && away {
					took := asked.Sub(since)
					m.r.res.noticed(took)
					if took > noticedWithin {
						m.r.res.failf("%s says only after %.1f s that the other is away, want %v", s.name, took.Seconds(), noticedWithin)
					}
					return
				}
				select {
				case <-time.After(pollEvery):
				case <-ctx.Done():
					m.r.res.failf("%s does not say that the other is away: %v", s.name, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// back waits for the first record at both ends after a fault was over, and
// then for all that was stored meanwhile.
func (m *mesh) back(ctx context.Context, over time.Time, bar time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	behind := map[*arrivals]int64{}
	for _, a := range m.ends() {
		behind[a] = a.count()
	}
	at, err := m.first(ctx)
	if err != nil {
		return err
	}
	took := at.Sub(over)
	m.r.res.recovered(took)
	if took > bar {
		m.r.res.failf("the first record came %.3f s after the fault was over, want %v", took.Seconds(), bar)
	}
	return m.drained(ctx, at, behind)
}

const (
	liveBehind = 300 * time.Millisecond // of input that is still on its way, when all flows and nothing is far
	fewRecords = 2000                   // too few to tell how fast they came
	windowOpen = 3                      // round trips a new connection may take until it is at its rate
)

// drained waits until both ends are as near as they are in good times, and
// holds the rate at which they came there against the input.
func (m *mesh) drained(ctx context.Context, since time.Time, behind map[*arrivals]int64) error {
	inputAt, began := m.topic.book.Acked(), time.Now()
	for a, was := range behind {
		for {
			acked := m.topic.book.Acked()
			rate := float64(acked-inputAt) / max(time.Since(began), time.Second).Seconds()
			if float64(acked-a.count()) <= rate*(liveBehind+m.rtt).Seconds()+100 {
				break
			}
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				return fmt.Errorf("%d of %d records are not at the %s: %w", acked-a.count(), acked, a.place, ctx.Err())
			}
		}
		took, came := max(time.Since(since), time.Millisecond), a.count()-was
		m.r.res.drained(came, took)
		rate := float64(came) / max(took-windowOpen*m.rtt, time.Millisecond).Seconds()
		if input := m.input(); came > fewRecords && input > 0 && rate < drainFactor*input {
			m.r.res.failf("the %s got %d records in %.1f s: %.0f a second, want %d times the input of %.0f", a.place, came, took.Seconds(), rate, drainFactor, input)
		}
	}
	return nil
}

// finishWithoutEdge is finish for an edge that has lost what is elsewhere.
func (m *mesh) finishWithoutEdge(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	if err := m.topic.finish(ctx); err != nil {
		return err
	}
	space, cloud, err := m.everywhere(ctx, m.topic.book.Acked())
	if err != nil {
		return err
	}
	if found := tally.Compare(space.IDs, cloud.IDs); !found.Good() {
		m.r.res.failf("cloud has not what the Space has: %v", found)
	}
	return m.rest(ctx)
}

// finish ends the producers, waits until all that was acked is everywhere, and
// holds it against the book.
func (m *mesh) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, waitEnd)
	defer cancel()
	if err := m.topic.finish(ctx); err != nil {
		return err
	}
	edge, err := m.topic.contents(ctx)
	if err != nil {
		return err
	}
	found, _ := m.topic.book.Check(edge)
	m.r.res.took("edge", found)
	space, cloud, err := m.everywhere(ctx, int64(len(edge.IDs)))
	if err != nil {
		return err
	}
	for place, c := range map[string]tally.Contents{"the Space": space, "cloud": cloud} {
		if found := tally.Compare(edge.IDs, c.IDs); !found.Good() {
			m.r.res.failf("%s has not what edge has: %v", place, found)
		}
	}
	return m.rest(ctx)
}

// everywhere waits until both ends have so many records, and checks them.
func (m *mesh) everywhere(ctx context.Context, records int64) (space, cloud tally.Contents, err error) {
	for _, a := range m.ends() {
		for a.count() < records && ctx.Err() == nil {
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				m.r.res.failf("%d of %d records never come to the %s", records-a.count(), records, a.place)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), waitEnd)
	defer cancel()
	if space, err = m.topic.contentsAt(ctx, m.space.API); err != nil {
		return space, cloud, err
	}
	if cloud, err = m.topic.contentsAt(ctx, m.cloud.API); err != nil {
		return space, cloud, err
	}
	for place, c := range map[string]tally.Contents{"the Space": space, "cloud": cloud} {
		found, _ := m.topic.book.Check(c)
		m.r.res.took(place, found)
	}
	m.atSpace.settle(space)
	return space, cloud, m.atCloud.settle(ctx, cloud)
}

// rest looks whether the Instances are what they were.
func (m *mesh) rest(ctx context.Context) error {
	for h, pids := range m.pids {
		m.r.samePIDsAt(ctx, h.API, pids, "at the end")
		list, err := h.Instances(ctx)
		if err != nil {
			return err
		}
		for _, in := range list {
			if in.Restarts > 0 {
				m.r.res.failf("instance %s was restarted %d times", in.ID, in.Restarts)
			}
		}
	}
	return nil
}
