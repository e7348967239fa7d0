package demo

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"waverider"
	"waverider/client"
	"waverider/tty"
)

// drawEvery is how often the display changes when nothing comes.
const drawEvery = time.Second

// work starts the Sequences, and shows what flows until ctx ends, somebody ends it
// or something gives up. The display is nil when nothing was shown.
func (d *demo) work(ctx context.Context, m *mesh) (_ *display, err error) {
	if err := wantNode(ctx, m.places[edge].api); err != nil {
		return nil, err
	}
	programs, err := deploy(ctx, m)
	if err != nil {
		return nil, err
	}
	defer end(m, programs)

	p := &play{show: newDisplay(d.out, d.terminal, m, programs), updates: make(chan func()), failed: make(chan error, 1)}
	if d.terminal.Is() {
		if p.keys, err = tty.KeysOf(d.in); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, p.keys.Close()) }()
	}
	p.show.keys = p.keys != nil
	p.ctx, p.cancel = context.WithCancel(ctx)
	p.watch()
	if d.load {
		p.wg.Go(func() {
			makeLoad(p.ctx, func(n int) { p.update(func() { p.show.loadBegins(n) }) })
		})
	}
	p.strike(d.script.strokes)
	if d.limit > 0 {
		p.strike([]stroke{{d.limit, keyEnd}})
	}
	err = p.until()
	p.cancel()
	p.wg.Wait()
	return p.show, err
}

// play is what runs while the display is shown. Its goroutines change it only by
// update.
type play struct {
	show    *display
	keys    *tty.Keys // nil: none
	updates chan func()
	failed  chan error      // the first that gave up
	ctx     context.Context // of all goroutines
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// update has a change made between two drawings, unless all is over.
func (p *play) update(change func()) {
	select {
	case p.updates <- change:
	case <-p.ctx.Done():
	}
}

// watch begins to read the Topics, and to ask each place how things are.
func (p *play) watch() {
	s := p.show
	read(p, edge, figuresTopic, s.takeStored, func(n uint64) { s.stored.miss(n); s.seen += int(n) })
	read(p, space, figuresTopic, s.takeArrived, s.arrived.miss)
	read(p, cloud, statsTopic, s.takeSummary, s.computed.miss)
	read(p, cloud, alertsTopic, s.takeAlert, s.told.miss)
	for i, at := range s.mesh.places {
		p.wg.Go(func() {
			poll(p.ctx, at, i, s.programs, func(r report) { p.update(func() { s.takeReport(i, r) }) })
		})
	}
}

// read hands the records of a Topic at a place to the display.
func read[T any](p *play, which int, topic waverider.TopicName, take func(T), miss func(uint64)) {
	p.wg.Go(func() {
		err := follow(p.ctx, p.show.mesh.places[which].api, topic,
			func(v T) { p.update(func() { take(v) }) },
			func(n uint64) { p.update(func() { miss(n) }) })
		if err != nil {
			select {
			case p.failed <- err:
			default:
			}
		}
	})
}

// until draws what comes until it is ended or something gives up.
func (p *play) until() error {
	s := p.show
	s.open()
	defer s.close()
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	at := s.mesh.places
	for {
		select {
		case change := <-p.updates:
			change()
		case key := <-p.keys.C():
			p.press(key)
		case err := <-p.failed:
			return err
		case <-at[edge].Done():
			return at[edge].Err()
		case <-at[space].Done():
			return at[space].Err()
		case <-at[cloud].Done():
			return at[cloud].Err()
		case <-tick.C:
		case <-p.ctx.Done():
			return nil
		}
		if s.complete() {
			return nil
		}
		s.lookForPlaces()
		s.draw(time.Now())
	}
}

// finishPatience is how long what is stored on edge may take to arrive after the
// key that ends.
const finishPatience = 20 * time.Second

// finish ends the demo when all that is stored has arrived; asked again, at once.
func (p *play) finish() {
	s := p.show
	if s.ending {
		p.cancel()
		return
	}
	s.ending, s.awaited = true, -1
	p.cut(false)
	s.say(tty.Dim, "no more is measured: it ends when all has arrived")
	p.wg.Go(func() {
		ctx, cancel := context.WithTimeout(p.ctx, finishPatience)
		defer cancel()
		if total, err := stopMeasuring(ctx, s.mesh.places[edge].api, s.programs[0]); err == nil && ctx.Err() == nil {
			p.update(func() { s.awaited = total })
		}
		<-ctx.Done()
		p.cancel() // the display knows what is missing
	})
}

// stopMeasuring ends a program, and tells how many records its Topic got. It tries
// again while the Hub is away.
func stopMeasuring(ctx context.Context, c *client.Client, of program) (total int, err error) {
	err = again(ctx, func() error {
		_, err := c.StopInstance(ctx, of.id, stopPatience, false)
		switch waverider.KindOf(err) {
		case waverider.NotFound, waverider.Conflict, waverider.Gone: // it has ended by itself
		default:
			if err != nil {
				return err
			}
		}
		info, err := c.Topic(ctx, string(of.writes))
		total = int(info.Total)
		return err
	})
	return total, err
}

// stopPatience is what a program gets to end in good order.
const stopPatience = 5 * time.Second

// end ends the Instances before their Hubs, so that these need not wait for them.
func end(m *mesh, programs []program) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range programs {
		wg.Go(func() {
			_, _ = m.places[p.on].api.KillInstance(ctx, p.id, true) // the end of the Hub is the end of it anyway
		})
	}
	wg.Wait()
}

// wantNode asks a Hub whether it can run the programs.
func wantNode(ctx context.Context, c *client.Client) error {
	raw, err := c.HubStatus(ctx)
	if err != nil {
		return err
	}
	var status struct{ Engines map[string]string }
	if err := json.Unmarshal(raw, &status); err != nil {
		return err
	}
	if status.Engines[waverider.LanguageNode] == "" {
		return waverider.Errorf(waverider.Unavailable, "the demo's programs need Node 18 or newer, and there is no `node` in PATH.\n"+
			"Get it from https://nodejs.org/en/download, or with your package manager:\n"+
			"  Debian, Ubuntu   sudo apt-get install nodejs\n"+
			"  Fedora           sudo dnf install nodejs\n"+
			"  Alpine           sudo apk add nodejs\n"+
			"  macOS            brew install node")
	}
	return nil
}
