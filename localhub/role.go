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
	endPatience   = 15 * time.Second // for a role to end, with its Instances
	orphanAfter   = "30s"            // should all of us be killed, so do its Instances end
	restartMost   = 20               // in restartSpan; more than that is no accident
	restartSpan   = time.Minute
	restartPause  = 200 * time.Millisecond
)

// Config of Start and StartSpace; the zero value will do.
type Config struct {
	Binary string   // waverider itself; default: this program
	Dir    string   // where files go; default: a new temporary folder, which Close removes
	Args   []string // more flags for `waverider hub` or `waverider space`
	// Restart brings a role that was killed up again, at its address and on its
	// data. Restarted, if set, is told of each time.
	Restart   bool
	Restarted func(pid int)
}

// role is a Hub or a Space that runs.
type role struct {
	cfg     Config
	name    string // for people
	command string
	flags   []string // beside those of all roles and Args
	temp    bool
	url     string
	log     *os.File
	stop    context.CancelFunc
	done    chan struct{} // it has ended and will not come back; err is set

	mu  sync.Mutex
	now *process
	err error
}

// start starts a role and returns once its API can be called.
func (r *role) start(ctx context.Context) error {
	r.done = make(chan struct{})
	p, err := r.launch(ctx, "127.0.0.1:0")
	if err != nil {
		return errors.Join(err, r.clean())
	}
	r.url, r.now = p.url, p
	life, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stop = stop
	go r.lead(life, p)
	return nil
}

// prepare finds the program and makes the folder.
func (r *role) prepare() (err error) {
	if r.cfg.Binary == "" {
		if r.cfg.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	if r.cfg.Dir == "" {
		r.temp = true
		if r.cfg.Dir, err = os.MkdirTemp("", "waverider-"); err != nil {
			return fmt.Errorf("make a folder for the %s: %w", r.name, err)
		}
	}
	r.log, err = os.OpenFile(filepath.Join(r.cfg.Dir, r.command+".log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the log of the %s: %w", r.name, err)
	}
	return nil
}

// URL is the base of its API, the same over restarts.
func (r *role) URL() string { return r.url }

// Dir is the folder of its files.
func (r *role) Dir() string { return r.cfg.Dir }

// PID is the process id, 0 while there is none.
func (r *role) PID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return 0
	}
	return r.now.cmd.Process.Pid
}

// Done is closed when it has ended and will not come back. Err then says
// why; nil after Close.
func (r *role) Done() <-chan struct{} { return r.done }

func (r *role) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// lead watches the process, and starts another when it died and should not.
func (r *role) lead(ctx context.Context, p *process) {
	defer close(r.done)
	var died []time.Time
	for {
		select {
		case <-ctx.Done():
			r.end(p)
			return
		case <-p.ended:
		}
		r.set(nil, nil)
		died = append(recent(died), time.Now())
		if !r.cfg.Restart || len(died) > restartMost {
			r.set(nil, r.failure(p, "the "+r.name+" has ended"))
			return
		}
		next, err := r.relaunch(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.set(nil, err)
			}
			return
		}
		p = next
		r.set(p, nil)
		if r.cfg.Restarted != nil {
			r.cfg.Restarted(p.cmd.Process.Pid)
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
func (r *role) relaunch(ctx context.Context) (*process, error) {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	_, address, _ := strings.Cut(r.url, "://")
	address, _, _ = strings.Cut(address, "/")
	for {
		p, err := r.launch(ctx, address)
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

func (r *role) set(p *process, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.err = p, err
}

// end asks a process to end together with what it runs, and waits.
func (r *role) end(p *process) {
	_ = p.cmd.Process.Signal(os.Interrupt) // one that is gone needs none
	patience := time.NewTimer(endPatience)
	defer patience.Stop()
	select {
	case <-p.ended:
	case <-patience.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
	r.set(nil, nil)
}

// Close ends it and all that it runs, and removes what its start has made.
func (r *role) Close() error {
	r.stop()
	<-r.done
	return errors.Join(r.awaitKeeper(), r.clean())
}

// awaitKeeper waits for the process that holds the Instances of a Hub: it has files
// open in the data dir, and is to leave nothing behind.
func (r *role) awaitKeeper() error {
	lock, err := os.Open(filepath.Join(r.dataDir(), "run", "keeper.lock"))
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
			return fmt.Errorf("the keeper of %s still runs; it ends by itself within %s", r.cfg.Dir, orphanAfter)
		}
	}
}

func (r *role) clean() error {
	var errs []error
	if r.log != nil {
		errs = append(errs, r.log.Close())
	}
	if r.temp && r.cfg.Dir != "" {
		if err := os.RemoveAll(r.cfg.Dir); err != nil {
			errs = append(errs, fmt.Errorf("remove the folder of the %s: %w", r.name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *role) dataDir() string { return filepath.Join(r.cfg.Dir, "data") }
