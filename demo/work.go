package demo

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"waverider"
	"waverider/client"
	"waverider/localhub"
)

// drawEvery is how often the display changes when nothing comes.
const drawEvery = time.Second

// work deploys the Sequences, and shows their result until ctx ends or
// something gives up. The display is nil when nothing was shown.
func (d *demo) work(ctx context.Context, hub *localhub.Hub, restarts <-chan int) (*display, error) {
	c, err := client.New(client.Config{URL: hub.URL()})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := wantNode(ctx, c); err != nil {
		return nil, err
	}
	var ids instances
	if ids, err = deploy(ctx, c); err != nil {
		return nil, err
	}
	defer end(c, ids)

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	summaries, ended := make(chan summary, 1), make(chan error, 2)
	go func() { ended <- pipe(ctx, c, ids.figures, ids.stats) }()
	go func() { ended <- watch(ctx, c, ids.stats, summaries) }()
	show := newDisplay(d.out, d.terminal, hub, ids)
	err = show.until(ctx, summaries, restarts, ended, hub)
	cancel()
	return show, errors.Join(err, <-ended, <-ended)
}

// watch reads the summaries of rolling-stats. Who looks too slowly sees the newest.
func watch(ctx context.Context, c *client.Client, id string, summaries chan summary) error {
	return follow(ctx, c, id, func(line []byte) error {
		var s summary
		if err := json.Unmarshal(line, &s); err != nil {
			return err
		}
		latest(summaries, s)
		return nil
	})
}

// until draws what comes until ctx ends. One of the workers that ends before
// is put back for who waits for both.
func (s *display) until(ctx context.Context, summaries <-chan summary, restarts <-chan int, ended chan error, hub *localhub.Hub) error {
	s.open()
	defer s.close()
	tick := time.NewTicker(drawEvery)
	defer tick.Stop()
	for {
		select {
		case sum := <-summaries:
			s.take(sum)
		case pid := <-restarts:
			s.hubCameBack(pid)
		case err := <-ended:
			ended <- err
			return nil
		case <-hub.Done():
			return hub.Err()
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		s.draw(time.Now())
	}
}

// end ends the Instances before their Hub, so that it need not wait for them.
func end(c *client.Client, ids instances) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, id := range []string{ids.figures, ids.stats} {
		wg.Go(func() {
			_, _ = c.KillInstance(ctx, id, true) // the end of the Hub is the end of it anyway
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
