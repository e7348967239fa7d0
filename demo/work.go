package demo

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"waverider"
	"waverider/client"
	"waverider/localhub"
)

// drawEvery is how often the display changes when nothing comes.
const drawEvery = time.Second

// work starts the Sequences, and shows what flows through their Topics until
// ctx ends or something gives up. The display is nil when nothing was shown.
func (d *demo) work(ctx context.Context, hub *localhub.Hub, restarts <-chan int) (*display, error) {
	c, err := client.New(client.Config{URL: hub.URL()})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := wantNode(ctx, c); err != nil {
		return nil, err
	}
	programs, err := deploy(ctx, c)
	if err != nil {
		return nil, err
	}
	defer end(c, programs)

	ctx, cancel := context.WithCancel(ctx)
	w := watchers{ctx: ctx, updates: make(chan func(*display)), failed: make(chan error, 1)}
	w.watch(c, programs)
	if d.load {
		w.wg.Go(func() {
			makeLoad(ctx, func(n int) { w.update(func(s *display) { s.loadBegins(n) }) })
		})
	}
	show := newDisplay(d.out, d.terminal, hub, programs)
	err = show.until(ctx, &w, restarts)
	cancel()
	w.wg.Wait()
	return show, err
}

// watchers are the goroutines that tell a display what happens.
type watchers struct {
	ctx     context.Context // of all of them
	wg      sync.WaitGroup
	updates chan func(*display)
	failed  chan error // the first that gave up
}

// update changes the display, unless all is over.
func (w *watchers) update(change func(*display)) {
	select {
	case w.updates <- change:
	case <-w.ctx.Done():
	}
}

// watch begins to read the Topics, and to ask the Hub how things are.
func (w *watchers) watch(c *client.Client, programs []program) {
	read(w, c, figuresTopic, (*display).takeReading)
	read(w, c, statsTopic, (*display).takeSummary)
	read(w, c, alertsTopic, (*display).takeAlert)
	w.wg.Go(func() {
		poll(w.ctx, c, programs, func(now []flow) { w.update(func(s *display) { s.takeFlows(now) }) })
	})
}

// read hands the records of a Topic to the display.
func read[T any](w *watchers, c *client.Client, topic waverider.TopicName, take func(*display, T)) {
	w.wg.Go(func() {
		err := follow(w.ctx, c, topic,
			func(v T) { w.update(func(s *display) { take(s, v) }) },
			func(n uint64) { w.update(func(s *display) { s.checks[topic].miss(n) }) })
		if err != nil {
			select {
			case w.failed <- err:
			default:
			}
		}
	})
}

// until draws what comes until ctx ends or a watcher gives up.
func (s *display) until(ctx context.Context, w *watchers, restarts <-chan int) error {
	s.open()
	defer s.close()
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case change := <-w.updates:
			change(s)
		case pid := <-restarts:
			s.hubCameBack(pid)
		case err := <-w.failed:
			return err
		case <-s.hub.Done():
			return s.hub.Err()
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		s.draw(time.Now())
	}
}

// end ends the Instances before their Hub, so that it need not wait for them.
func end(c *client.Client, programs []program) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range programs {
		wg.Go(func() {
			_, _ = c.KillInstance(ctx, p.id, true) // the end of the Hub is the end of it anyway
		})
	}
	wg.Wait()
}

// wantNode asks the Hub whether it can run the programs.
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
