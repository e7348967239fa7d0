// Package process runs Sequences as processes of this machine: a runner of the
// program's language in a slot folder of its own, under a keeper that outlives
// the Hub. It brings together the keeper (pipes, ends), the runner channel
// (input, output, messages) and the logs; what they mean is the Hub's.
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process/keeper"
)

// Helpers are what a binary does, before anything else, when its first argument
// is one of these; the others are theirs.
var Helpers = map[string]func(args []string) int{
	keeper.Command:       keeper.Main,
	keeper.InitCommand:   keeper.InitMain,
	keeper.WardenCommand: keeper.WardenMain,
}

// Config is what a Runtime is made of.
type Config struct {
	Dir     string           // data folder; DIR/run and DIR/slots are used
	Channel *runner.Listener // where runners say hello; somebody else runs it
	// Languages that can be run. nil: Node is looked for, and runs the
	// embedded runner.
	Languages   map[string]Language
	Executable  string        // starts the keeper; empty: this binary
	OrphanAfter time.Duration // programs end when no Hub is back by then; 0: 24 h
	Trees       []keeper.Kind // ways to hold a process tree together; nil: all, best first
	Pool        PoolConfig
	Log         *slog.Logger
}

// Language is how programs of one language are run.
type Language struct {
	Version  string
	Argv     []string // the runner
	Scramjet string   // path of the bundled scramjet library, if any
}

// Runtime runs Instances as processes. It is a runtime.Runtime.
type Runtime struct {
	cfg       Config
	log       *slog.Logger
	life      context.Context // of background work
	stop      context.CancelFunc
	tasks     sync.WaitGroup
	languages languages
	linking   chan struct{} // capacity 1; who connects to the keeper

	mu      sync.Mutex
	closed  bool
	client  *keeper.Client
	claimed map[string]bool  // children that somebody has, or has let go of
	procs   map[*proc]bool   // not detached and not released
	pools   map[string]*pool // by language
}

var _ runtime.Runtime = (*Runtime)(nil)

var errClosed = errors.New("process runtime is closed")

// Open begins, in the background, to reach the keeper and to look for
// languages. Pair it with Close.
func Open(cfg Config) (*Runtime, error) {
	if cfg.Dir == "" || cfg.Channel == nil {
		return nil, errors.New("process runtime needs a data folder and a channel")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("open process runtime: %w", err)
	}
	cfg.Dir = dir
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	r := &Runtime{
		cfg: cfg, log: cfg.Log, linking: make(chan struct{}, 1),
		claimed: map[string]bool{}, procs: map[*proc]bool{}, pools: map[string]*pool{},
	}
	r.life, r.stop = context.WithCancel(context.Background())
	r.languages.known = make(chan struct{})
	if cfg.Languages != nil {
		r.languages.set(cfg.Languages)
	} else {
		r.tasks.Go(func() { r.languages.set(r.findLanguages(r.life)) })
	}
	removeStalePool(cfg.Dir)
	r.tasks.Go(func() {
		if _, err := r.keeper(r.life); err != nil && r.life.Err() == nil {
			r.log.Error("keeper not reached; the next start tries again", "err", err)
		}
	})
	return r, nil
}

// keeper is the connection to the keeper, made when there is none.
func (r *Runtime) keeper(ctx context.Context) (*keeper.Client, error) {
	select {
	case r.linking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-r.linking }()
	r.mu.Lock()
	c, closed := r.client, r.closed
	r.mu.Unlock()
	if closed {
		return nil, errClosed
	}
	if c != nil {
		select {
		case <-c.Lost():
			if errors.Is(c.Err(), keeper.ErrFenced) {
				return nil, c.Err() // it is another Hub's now
			}
			r.log.Warn("keeper has died; starting another", "err", c.Err())
		default:
			return c, nil
		}
	}
	c, err := keeper.Connect(ctx, keeper.Config{
		Dir: r.cfg.Dir, Executable: r.cfg.Executable, OrphanAfter: r.cfg.OrphanAfter, Trees: r.cfg.Trees, Log: r.log,
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.client = c // Close waits for linking, so that it sees this one
	return c, nil
}

// Engines tells the languages that can be run here, with versions. It waits
// until they are known.
func (r *Runtime) Engines() map[string]string {
	list, err := r.languages.get(r.life)
	engines := map[string]string{}
	if err == nil {
		for name, l := range list {
			engines[name] = l.Version
		}
	}
	return engines
}

// Sweep ends programs of an earlier Hub process that nobody has claimed by
// Attach: it died before it could write down that it had started them. Call it
// once all that is known was attached.
func (r *Runtime) Sweep(ctx context.Context) error {
	c, err := r.keeper(ctx)
	if err != nil {
		return fmt.Errorf("sweep: %w", err)
	}
	var errs []error
	for _, child := range c.Children() {
		r.mu.Lock()
		claimed := r.claimed[child.ID]
		r.mu.Unlock()
		if claimed {
			continue
		}
		r.log.Info("ending a process nobody knows", "pid", child.PID, "instance", child.Label)
		if err := c.Forget(ctx, child.ID); err != nil && !errors.Is(err, keeper.ErrUnknown) {
			errs = append(errs, fmt.Errorf("sweep: %w", err))
		}
	}
	return errors.Join(errs...)
}

// Close lets go of all processes. They run on, and can be attached to by the
// next Runtime; with kill they and the keeper end.
func (r *Runtime) Close(kill bool) error {
	r.stop()
	r.linking <- struct{}{} // nobody connects from now on
	r.mu.Lock()
	already := r.closed
	r.closed = true
	c := r.client
	pools := r.pools
	r.mu.Unlock()
	<-r.linking
	if already {
		return nil
	}
	r.tasks.Wait()
	for _, p := range pools {
		p.close()
	}
	var err error
	if c != nil && kill {
		ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
		err = c.Shutdown(ctx)
		cancel()
	}
	r.mu.Lock()
	var procs []*proc
	for p := range r.procs {
		procs = append(procs, p)
	}
	r.mu.Unlock()
	for _, p := range procs {
		if kill {
			<-p.done // their ends are known, or they are lost
		}
		err = errors.Join(err, p.Detach())
	}
	if c != nil {
		err = errors.Join(err, c.Close())
	}
	return err
}

const shutdownTime = 20 * time.Second

func (r *Runtime) claim(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.claimed[id] = true
}

// unclaim drops what the keeper has forgotten too.
func (r *Runtime) unclaim(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.claimed, id)
}

// add makes p known to Close; false when it is too late.
func (r *Runtime) add(p *proc) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.procs[p] = true
	return true
}

func (r *Runtime) remove(p *proc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.procs, p)
}

// environment is all a program gets of it: nothing of the Hub's own but where
// commands are found and how people here write and tell time.
func (r *Runtime) environment(dir, key string, more map[string]string) []string {
	env := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG": "C.UTF-8",
	}
	for _, name := range []string{"PATH", "LANG", "TZ"} {
		if v, ok := os.LookupEnv(name); ok && v != "" {
			env[name] = v
		}
	}
	for name, v := range more {
		env[name] = v
	}
	for name, v := range home(dir) {
		env[name] = v
	}
	env["WAVERIDER_CHANNEL"], env["WAVERIDER_KEY"] = r.cfg.Channel.Path(), key
	list := make([]string, 0, len(env))
	for name, v := range env {
		list = append(list, name+"="+v)
	}
	return list
}

func home(dir string) map[string]string {
	return map[string]string{"HOME": dir, "TMPDIR": filepath.Join(dir, "tmp")}
}
