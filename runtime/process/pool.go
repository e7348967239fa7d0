package process

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"waverider/runtime"
)

// PoolConfig says how many runners of each language wait for a program. They
// are started once a language was used.
type PoolConfig struct {
	Size int // 0: 1; negative: none. Always none on a machine with less than 1 GB
}

const (
	poolMemory   = 1 << 30
	poolPrefix   = ".pool-"
	poolQuiet    = 300 * time.Millisecond // after the last start: not to slow that one down
	poolLongest  = 5 * time.Second        // of starts without a break
	greetingTime = 15 * time.Second
)

// size is how many runners to keep waiting on a machine with so much memory.
func (c PoolConfig) size(memory int64) int {
	switch {
	case c.Size < 0, memory > 0 && memory < poolMemory:
		return 0
	case c.Size == 0:
		return 1
	}
	return c.Size
}

// pool keeps runners of one language waiting: born in a slot folder of their
// own, connected, without a program.
type pool struct {
	rt   *Runtime
	name string
	lang Language
	size int

	mu      sync.Mutex
	idle    []*waiter
	filling bool
	used    time.Time // when a program was last started
	closed  bool
}

type waiter struct {
	born
	dir string
}

// pool is the pool of a language, made at its first use.
func (r *Runtime) pool(name string, lang Language) *pool {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.pools[name]
	if p == nil {
		p = &pool{rt: r, name: name, lang: lang, size: r.cfg.Pool.size(totalMemory())}
		r.pools[name] = p
	}
	return p
}

// start gives spec to a waiting runner. nil, nil when none fits.
func (p *pool) start(ctx context.Context, spec runtime.Spec) (*proc, error) {
	if !fits(spec) {
		return nil, nil
	}
	for w := p.take(); w != nil; w = p.take() {
		if !w.lives() {
			p.drop(w)
			continue
		}
		proc, err := p.assign(ctx, w, spec)
		if err == nil || ctx.Err() != nil {
			return proc, err
		}
		p.rt.log.Warn("waiting runner not used", "language", p.name, "err", err)
		if _, err := os.Lstat(spec.Dir); err == nil {
			return nil, nil
		}
	}
	return nil, nil
}

// fits tells whether a process that already runs can become spec: its folder
// can be renamed, and no variable counts that is read at the start only.
func fits(spec runtime.Spec) bool {
	for name := range spec.Grants.Env {
		for _, prefix := range []string{"NODE_", "PYTHON", "LD_", "UV_", "MALLOC_", "OPENSSL_", "SSL_", "PATH"} {
			if strings.HasPrefix(name, prefix) {
				return false
			}
		}
	}
	_, err := os.Lstat(spec.Dir)
	return errors.Is(err, os.ErrNotExist)
}

func (p *pool) take() *waiter {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	w := p.idle[0]
	p.idle = p.idle[1:]
	return w
}

// lives tells whether the runner still waits, as far as is known.
func (w *waiter) lives() bool {
	select {
	case <-w.client.Lost():
		return false
	default:
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := w.client.Wait(ctx, w.child.ID)
	return errors.Is(err, context.Canceled)
}

func (p *pool) drop(w *waiter) {
	p.rt.discard(&w.born)
	os.RemoveAll(w.dir)
}

// assign makes w the process of spec. On error w is gone.
func (p *pool) assign(ctx context.Context, w *waiter, spec runtime.Spec) (*proc, error) {
	if err := os.MkdirAll(filepath.Dir(spec.Dir), 0o700); err != nil {
		p.drop(w)
		return nil, err
	}
	if err := os.Rename(w.dir, spec.Dir); err != nil {
		p.drop(w)
		return nil, err
	}
	report, err := w.client.Assign(ctx, w.child.ID, spec.ID, spec.Limits)
	if err != nil {
		p.rt.discard(&w.born)
		os.RemoveAll(spec.Dir)
		return nil, fmt.Errorf("assign: %w", err)
	}
	w.apply(report)
	proc := w.proc(p.rt, spec)
	if err := proc.commence(ctx, withEnv(spec.Start, spec.Grants.Env, home(spec.Dir))); err != nil {
		os.RemoveAll(spec.Dir)
		return nil, err
	}
	return proc, nil
}

// refill notes that a program was started, and sees to it that runners are
// waiting again soon.
func (p *pool) refill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used = time.Now()
	if p.closed || p.filling || len(p.idle) >= p.size {
		return
	}
	p.filling = true
	p.rt.tasks.Go(func() { p.fill(p.rt.life) })
}

// fill starts runners until enough wait. It keeps out of the way of programs
// that are starting.
func (p *pool) fill(ctx context.Context) {
	for p.quiet(ctx) && p.short() {
		if err := p.add(ctx); err != nil {
			if ctx.Err() == nil {
				p.rt.log.Warn("no runner waits", "language", p.name, "err", err)
			}
			break // the next start tries again
		}
	}
	p.mu.Lock()
	p.filling = false
	p.mu.Unlock()
}

func (p *pool) short() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closed && len(p.idle) < p.size
}

// quiet waits for a pause in starts; false when ctx ends.
func (p *pool) quiet(ctx context.Context) bool {
	began := time.Now()
	for {
		p.mu.Lock()
		wait := poolQuiet - time.Since(p.used)
		p.mu.Unlock()
		if wait <= 0 || time.Since(began) > poolLongest {
			return ctx.Err() == nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// add starts one runner and waits for its hello.
func (p *pool) add(ctx context.Context) error {
	dir := filepath.Join(p.rt.cfg.Dir, "slots", poolPrefix+strings.ToLower(rand.Text()[:8]))
	if _, err := makeSlot(dir); err != nil {
		return err
	}
	b, err := p.rt.bear(ctx, birth{label: "waiting " + p.name, dir: dir, argv: p.lang.Argv})
	if err != nil {
		os.RemoveAll(dir)
		return err
	}
	w := &waiter{*b, dir}
	if err := w.greeted(ctx); err != nil {
		p.drop(w)
		return err
	}
	p.mu.Lock()
	closed := p.closed
	if !closed {
		p.idle = append(p.idle, w)
	}
	p.mu.Unlock()
	if closed {
		p.drop(w)
	}
	return nil
}

func (w *waiter) greeted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, greetingTime)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := w.client.Wait(ctx, w.child.ID)
		ended <- err
	}()
	defer func() { cancel(); <-ended }()
	select {
	case <-w.session.Connected():
		return nil
	case err := <-ended:
		ended <- err
		if err != nil {
			return fmt.Errorf("runner has not connected: %w", err)
		}
		return errors.New("runner ended before it connected")
	}
}

// close ends the runners that wait.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, w := range idle {
		p.drop(w)
	}
}

// removeStalePool removes the folders of runners that waited for an earlier
// Hub; the keeper has ended them with the connection.
func removeStalePool(dir string) {
	slots := filepath.Join(dir, "slots")
	entries, _ := os.ReadDir(slots)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), poolPrefix) {
			os.RemoveAll(filepath.Join(slots, e.Name()))
		}
	}
}

// totalMemory is this machine's, 0 when it is not known.
func totalMemory() int64 {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb << 10
		}
	}
	return 0
}
