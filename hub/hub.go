// Package hub runs Instances on one machine: it keeps Sequences, starts and
// watches Instances through a runtime, brings their bytes in and out, and
// answers the REST API. How a process comes to be is the runtime's matter, how
// a request is framed is wire's, who calls is auth's; the wiring joins them.
package hub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/store"
)

// Hub is one running Hub. Open makes it, Run leads it, Close ends it.
type Hub struct {
	cfg      Config
	log      *slog.Logger
	journal  *journal.Journal
	packages *store.Store
	metrics  *hubMetrics
	audit    *auditLog
	started  time.Time

	life  context.Context // ends with Close; Instances detach then
	end   context.CancelFunc
	tasks sync.WaitGroup // background work, under life

	runs atomic.Uint32 // the Run of the newest

	changes sync.Mutex // one change of the Sequences at a time, from the list to the journal

	mu        sync.Mutex
	sequences map[waverider.SequenceID]*waverider.Sequence
	leaving   map[waverider.SequenceID]bool // being deleted
	deleted   map[waverider.SequenceID]bool // of those with a given id
	instances map[waverider.InstanceID]*Instance
	slots     map[waverider.InstanceID]chan struct{} // those that holdSlot holds; closed when let go
	closing   bool
}

// Open brings a Hub up from its data dir: what ran goes on, what should run
// and doesn't is started by its policy. It returns as soon as the API can
// answer; Instances are attached behind it.
func Open(ctx context.Context, cfg Config) (*Hub, error) {
	cfg.setDefaults()
	h := &Hub{
		cfg: cfg, log: cfg.Log, started: time.Now(), metrics: newMetrics(), audit: newAuditLog(),
		sequences: map[waverider.SequenceID]*waverider.Sequence{}, leaving: map[waverider.SequenceID]bool{}, deleted: map[waverider.SequenceID]bool{},
		instances: map[waverider.InstanceID]*Instance{},
		slots:     map[waverider.InstanceID]chan struct{}{},
	}
	if err := h.open(); err != nil {
		return nil, errors.Join(err, h.closeFiles())
	}
	h.life, h.end = context.WithCancel(context.WithoutCancel(ctx))
	recs, err := h.journal.Instances()
	if err != nil {
		h.end()
		return nil, errors.Join(err, h.closeFiles())
	}
	h.revive(recs)
	return h, nil
}

func (h *Hub) open() (err error) {
	if h.journal, err = journal.Open(h.cfg.DataDir.Path("journal.db")); err != nil {
		return err
	}
	if h.packages, err = store.Open(h.cfg.DataDir.Path("packages"), store.Limits{}); err != nil {
		return fmt.Errorf("open packages: %w", err)
	}
	last, err := h.journal.LastRun()
	if err != nil {
		return err
	}
	h.runs.Store(last)
	list, err := h.journal.Sequences()
	if err != nil {
		return err
	}
	for _, s := range list {
		h.sequences[s.ID] = s
	}
	return nil
}

// sweeper is a Runtime that can find processes nobody claims.
type sweeper interface{ Sweep(context.Context) error }

// revive takes up every Instance of the journal.
func (h *Hub) revive(recs []*journal.Instance) {
	var attaching sync.WaitGroup
	var live []*Instance
	for _, rec := range recs {
		in := h.newInstance(*rec)
		h.instances[rec.ID] = in
		if rec.Status.Ended() {
			in.rest()
			close(in.done)
			continue
		}
		live = append(live, in)
	}
	for _, in := range live { // from the first on, others look at the list
		attaching.Add(1)
		h.background(func(ctx context.Context) {
			in.supervise(ctx, attaching.Done)
		})
	}
	h.background(func(ctx context.Context) {
		attaching.Wait()
		if s, ok := h.cfg.Runtime.(sweeper); ok && ctx.Err() == nil {
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				h.log.Warn("sweep of unclaimed processes", "err", err)
			}
		}
		h.sweepSlots()
		h.sweepPackages(ctx)
	})
}

// background runs f until it returns; Close waits for it. f's ctx ends when
// the Hub closes.
func (h *Hub) background(f func(ctx context.Context)) {
	h.tasks.Go(func() { f(h.life) })
}

// Run does what comes up from time to time until ctx ends.
func (h *Hub) Run(ctx context.Context) error {
	// Often enough that a short time to keep what has ended is kept to.
	tick := time.NewTicker(min(time.Minute, max(h.cfg.RetainEnded/4, time.Second)))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			h.trimEnded()
		}
	}
}

// Close ends the Hub. Instances run on without it, unless kill is set: then
// they are stopped, within grace, and killed after it.
func (h *Hub) Close(kill bool, grace time.Duration) error {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	if kill {
		h.stopAll(grace)
	}
	h.end()
	h.tasks.Wait()
	return h.closeFiles()
}

func (h *Hub) stopAll(grace time.Duration) {
	ctx, cancel := context.WithTimeout(h.life, grace+5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, in := range h.Instances() {
		wg.Go(func() {
			if err := in.Stop(ctx, grace, false); err != nil {
				in.log.Warn("stop at exit", "err", err)
			}
			_ = in.Kill(ctx, true)
		})
	}
	wg.Wait()
}

// Hurry makes a Close that ends the Instances kill them, instead of waiting for
// their stop handlers.
func (h *Hub) Hurry() {
	for _, in := range h.Instances() {
		if err := in.Kill(h.life, false); err != nil {
			in.log.Warn("kill at exit", "err", err)
		}
	}
}

func (h *Hub) closeFiles() error {
	if h.journal == nil {
		return nil
	}
	return h.journal.Close()
}

// Instances lists all, oldest first.
func (h *Hub) Instances() []*Instance {
	h.mu.Lock()
	list := slices.Collect(maps.Values(h.instances))
	h.mu.Unlock()
	slices.SortFunc(list, byCreation)
	return list
}

func byCreation(a, b *Instance) int { return a.created().Compare(b.created()) }

func (in *Instance) created() time.Time { return in.record().Times.Created }

// Running lists the Instances that have not ended, oldest first.
func (h *Hub) Running() []*Instance {
	return slices.DeleteFunc(h.Instances(), (*Instance).ended)
}

// AwaitIdle returns when no Instance is left that has not ended, or with ctx's
// error.
func (h *Hub) AwaitIdle(ctx context.Context) error {
	for {
		list := h.Running()
		if len(list) == 0 {
			return nil
		}
		if _, err := list[0].until(ctx, func(rec journal.Instance) bool { return rec.Status.Ended() }); err != nil {
			return err
		}
	}
}
