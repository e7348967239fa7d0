package topic

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"waverider"
)

const guardEvery = 250 * time.Millisecond

// guard looks at the disk and refuses writes before it is full.
type guard struct {
	dir  string
	free uint64 // bytes wanted
	log  *slog.Logger

	mu      sync.Mutex
	err     error
	refuses signal // fired when it begins to refuse
}

func newGuard(dir string, free int64, log *slog.Logger) *guard {
	g := &guard{dir: dir, free: uint64(max(free, 0)), log: log}
	g.look()
	return g
}

func (g *guard) run(ctx context.Context) {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			g.look()
		case <-ctx.Done():
			return
		}
	}
}

// look compares what is free with what should be; it resumes a little above.
func (g *guard) look() {
	usage, err := disk.Usage(g.dir)
	if err != nil {
		return // what writes next will tell
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.err == nil && usage.Free < g.free:
		g.err = waverider.Errorf(waverider.Full, "the disk has %d MiB left, %d are kept free: no records are taken until there is room; free some space or drop Topics",
			usage.Free>>20, g.free>>20)
		g.refuses.fire()
		g.log.Error("disk is nearly full: topics take no records", "free", usage.Free, "wanted", g.free)
	case g.err != nil && usage.Free >= g.free+g.free/16:
		g.err = nil
		g.log.Info("disk has room again: topics take records", "free", usage.Free)
	}
}

// check is the error of a write that may not be.
func (g *guard) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// refusing is closed when the guard refuses, now or soon.
func (g *guard) refusing() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.err != nil {
		return closedChannel
	}
	return g.refuses.wait()
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
