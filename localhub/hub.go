package localhub

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startPatience = 20 * time.Second // until the API answers
	endPatience   = 15 * time.Second // for a Hub that ends its Instances
	orphanAfter   = "30s"            // should all of us be killed, so do its Instances end
	restartMost   = 20               // in restartSpan; more than that is no accident
	restartSpan   = time.Minute
	restartPause  = 200 * time.Millisecond
)

// Config of Start; the zero value will do.
type Config struct {
	Binary string   // waverider itself; default: this program
	Dir    string   // where files go; default: a new temporary folder, which Close removes
	Args   []string // more flags for `waverider hub`
	// Restart brings a Hub that was killed up again, at its address and on its
	// data. Restarted, if set, is told of each time.
	Restart   bool
	Restarted func(pid int)
}

// Hub is a running Hub. All methods are safe for concurrent use.
type Hub struct {
	cfg  Config
	temp bool
	url  string
	log  *os.File
	stop context.CancelFunc
	done chan struct{} // it has ended and will not come back; err is set

	mu  sync.Mutex
	now *process
	err error
}

// Start starts a Hub and returns once its API can be called.
func Start(ctx context.Context, cfg Config) (*Hub, error) {
	h := &Hub{cfg: cfg, done: make(chan struct{})}
	if err := h.prepare(); err != nil {
		return nil, errors.Join(err, h.clean())
	}
	p, err := h.launch(ctx, "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, h.clean())
	}
	h.url, h.now = p.url, p
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.stop = stop
	go h.lead(life, p)
	return h, nil
}

func (h *Hub) prepare() (err error) {
	if h.cfg.Binary == "" {
		if h.cfg.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	if h.cfg.Dir == "" {
		h.temp = true
		if h.cfg.Dir, err = os.MkdirTemp("", "waverider-"); err != nil {
			return fmt.Errorf("make a folder for the Hub: %w", err)
		}
	}
	h.log, err = os.OpenFile(filepath.Join(h.cfg.Dir, "hub.log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the Hub's log: %w", err)
	}
	return nil
}

// URL is the base of its API, the same over restarts.
func (h *Hub) URL() string { return h.url }

// Dir is the folder of its files.
func (h *Hub) Dir() string { return h.cfg.Dir }

// PID is the process id, 0 while there is none.
func (h *Hub) PID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now == nil {
		return 0
	}
	return h.now.cmd.Process.Pid
}

// Done is closed when the Hub has ended and will not come back. Err then says
// why; nil after Close.
func (h *Hub) Done() <-chan struct{} { return h.done }

func (h *Hub) Err() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// lead watches the process, and starts another when it died and should not.
func (h *Hub) lead(ctx context.Context, p *process) {
	defer close(h.done)
	var died []time.Time
	for {
		select {
		case <-ctx.Done():
			h.end(p)
			return
		case <-p.ended:
		}
		h.set(nil, nil)
		died = append(recent(died), time.Now())
		if !h.cfg.Restart || len(died) > restartMost {
			h.set(nil, h.failure(p, "the Hub has ended"))
			return
		}
		next, err := h.relaunch(ctx)
		if err != nil {
			if ctx.Err() == nil {
				h.set(nil, err)
			}
			return
		}
		p = next
		h.set(p, nil)
		if h.cfg.Restarted != nil {
			h.cfg.Restarted(p.cmd.Process.Pid)
		}
	}
}

func recent(times []time.Time) []time.Time {
	for len(times) > 0 && time.Since(times[0]) > restartSpan {
		times = times[1:]
	}
	return times
}

// relaunch tries for a while: its port may be taken for a moment.
func (h *Hub) relaunch(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	address := strings.TrimPrefix(h.url, "http://")
	address, _, _ = strings.Cut(address, "/")
	for {
		p, err := h.launch(ctx, address)
		if err == nil || ctx.Err() != nil {
			return p, err
		}
		select {
		case <-time.After(restartPause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (h *Hub) set(p *process, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now, h.err = p, err
}

// end asks a process to end together with its Instances, and waits.
func (h *Hub) end(p *process) {
	_ = p.cmd.Process.Signal(os.Interrupt) // one that is gone needs none
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	h.set(nil, nil)
}

// Close ends the Hub and all that it runs, and removes what Start has made.
func (h *Hub) Close() error {
	h.stop()
	<-h.done
	return errors.Join(h.awaitKeeper(), h.clean())
}

// awaitKeeper waits for the process that holds the Instances: it has files
// open in the data dir, and is to leave nothing behind.
func (h *Hub) awaitKeeper() error {
	lock, err := os.Open(filepath.Join(h.dataDir(), "run", "keeper.lock"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("wait for the keeper: %w", err)
	}
	defer lock.Close()
	for deadline := time.Now().Add(endPatience); ; time.Sleep(10 * time.Millisecond) {
		err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the keeper of %s still runs; it ends by itself within %s", h.cfg.Dir, orphanAfter)
		}
	}
}

func (h *Hub) clean() error {
	var errs []error
	if h.log != nil {
		errs = append(errs, h.log.Close())
	}
	if h.temp && h.cfg.Dir != "" {
		if err := os.RemoveAll(h.cfg.Dir); err != nil {
			errs = append(errs, fmt.Errorf("remove the Hub's folder: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (h *Hub) dataDir() string { return filepath.Join(h.cfg.Dir, "data") }
