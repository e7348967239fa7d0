package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"waverider"
	"waverider/cli"
	"waverider/hub"
	"waverider/sth"
	"waverider/wire"
)

// exitNothingRuns is sth's code for --exit-with-last-instance without a first.
const exitNothingRuns = 101

// sthRun is one run of `waverider sth`.
type sthRun struct {
	options  *sth.Options
	plan     *sth.Plan
	cfg      *hubConfig
	settings *settings
	startup  []sth.Startup
	warnings []string
	exposed  string       // what it means that others reach the Hub; empty: nothing
	health   net.Listener // nil: no probes
}

// run runs the Hub until ctx ends, or as the options say.
func (r *sthRun) run(ctx context.Context, out io.Writer) error {
	handler := sth.NewLines(out, logLevels[r.cfg.LogLevel], r.options.NoColors)
	if r.exposed != "" { // whatever the level: it is the one thing that nobody may miss
		_ = handler.Handle(ctx, slog.NewRecord(time.Now(), slog.LevelWarn, r.exposed, 0)) // as say
	}
	h := newHouse(r.cfg, extras{
		handler:  handler,
		warnings: r.warnings,
		config:   func(effective map[string]any) map[string]any { return mergeConfig(r.plan.Config, effective) },
		env:      r.plan.Env,
		limits:   r.plan.Limits,
		linger:   true,
		open:     r.open,
		serve:    r.serve,
	})
	if err := h.run(ctx, r.settings); err != nil {
		return err
	}
	return r.exitCode(ctx)
}

// open takes in what stands in the folder of Sequences.
func (r *sthRun) open(ctx context.Context, h *house, core *hub.Hub) error {
	if r.plan.Health != nil {
		var err error
		if r.health, err = wire.Listen(ctx, r.plan.Health.Addr); err != nil {
			return invalid("healtz: %s", err)
		}
		h.onClose(closeListener(r.health))
	}
	if !r.options.IdentifyExisting {
		return nil
	}
	return identify(ctx, core, r.options.SequencesRoot, h.log)
}

// serve starts what is to be started, says that the Hub is ready, and goes on
// until ctx ends or the last Instance has.
func (r *sthRun) serve(ctx context.Context, h *house, core *hub.Hub) error {
	say(ctx, h.log, "API on "+h.public.Addr().String())
	var probes func(context.Context) error
	if r.health != nil {
		h.log.Info("health is answered", "address", r.health.Addr().String(), "path", r.plan.Health.Path)
		server := &wire.Server{Log: h.log, Handler: r.probe(core)}
		probes = func(ctx context.Context) error { return server.Run(ctx, r.health) }
	}
	work := func(ctx context.Context) error {
		started := r.start(ctx, h.log, core)
		if ctx.Err() != nil {
			return nil
		}
		say(ctx, h.log, "Running!", "hub", h.id, "data", h.data.Path())
		return r.wait(ctx, h, core, started)
	}
	var err error
	if probes == nil {
		err = work(ctx)
	} else {
		err = together(ctx, work, probes)
	}
	if n := len(core.Running()); n > 0 && !h.kills(ctx) {
		h.log.Info("Instances run on until the Hub is back; --kill-on-exit ends them", "instances", n)
	}
	return err
}

// wait returns when ctx ends, or with --exit-with-last-instance when no Instance
// is left; then the keeper goes too.
func (r *sthRun) wait(ctx context.Context, h *house, core *hub.Hub, started int) error {
	if !r.options.ExitWithLast {
		<-ctx.Done()
		return nil
	}
	if started == 0 && len(core.Running()) == 0 {
		h.killed = true
		return cli.Exit(exitNothingRuns, "no Instance runs, which --exit-with-last-instance would wait for")
	}
	if core.AwaitIdle(ctx) == nil {
		h.killed = true
		h.log.Info("the last Instance has ended")
	}
	return nil
}

// say logs what those who start the Hub wait for: at every level.
func say(ctx context.Context, log *slog.Logger, text string, args ...any) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, text, 0)
	r.Add(args...)
	_ = log.Handler().Handle(ctx, r) // stdout may be gone, the Hub goes on
}

// start starts what the startup file names, and counts what runs of it.
func (r *sthRun) start(ctx context.Context, log *slog.Logger, core *hub.Hub) int {
	var wg sync.WaitGroup
	var running atomic.Int64
	places := make(chan struct{}, sth.AtOnce)
	for _, s := range r.startup {
		places <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-places }()
			if startOne(ctx, log, core, s) {
				running.Add(1)
			}
		})
	}
	wg.Wait()
	return int(running.Load())
}

// startOne reports whether there is an Instance as the entry wants it.
func startOne(ctx context.Context, log *slog.Logger, core *hub.Hub, s sth.Startup) bool {
	if id := s.Request.InstanceID; id != "" {
		for _, in := range core.Running() {
			if in.ID() == id {
				log.Info("instance of the startup file runs on", "instance", id)
				return true
			}
		}
	}
	in, err := core.Start(ctx, s.Sequence, s.Request)
	switch {
	case waverider.KindOf(err) == waverider.NotFound:
		log.Warn("startup file: no such Sequence", "sequence", s.Sequence)
	case err != nil && ctx.Err() == nil:
		log.Error("startup file: not started", "sequence", s.Sequence, "err", err)
	case err == nil:
		log.Info("started by the startup file", "sequence", s.Sequence, "instance", in.ID())
	}
	return err == nil
}

// probe answers how the Hub is, and nothing else: it stands outside of all rules.
func (r *sthRun) probe(core *hub.Hub) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.URL.Path != r.plan.Health.Path || req.Method != http.MethodGet && req.Method != http.MethodHead:
			w.WriteHeader(http.StatusNotFound)
		case core.Room() != nil:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "ok")
		}
	})
}
