package testhub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options say how a role is started. Binary is required.
type Options struct {
	Binary  string
	DataDir string   // made when it isn't there; empty: a new temporary folder, removed by Close
	Listen  string   // default 127.0.0.1:0
	Args    []string // flags beside --listen and --data-dir
	Env     []string // added to this process's own
	Place   Place    // where it runs; nil: here
}

// Place is a network other than this process's own.
type Place interface {
	Start(cmd *exec.Cmd) error
	DialContext(ctx context.Context, network, addr string) (net.Conn, error)
}

// Role is the data dir of one of the binary's roles and the process that has
// it open, if one has.
type Role struct {
	API
	name string // its command
	opt  Options
	temp bool
	log  *os.File

	mu     sync.Mutex
	cmd    *exec.Cmd
	addr   string
	exited chan struct{} // closed when cmd has ended
	err    error         // of cmd, once exited
}

// NewRole prepares a role by the name of its command; Start starts it.
func NewRole(name string, opt Options) (*Role, error) {
	r := &Role{name: name, opt: opt}
	way := Way{}
	if opt.Place != nil {
		way.Dial = opt.Place.DialContext
	}
	r.API = newAPI(r.Addr, way)
	if r.opt.Listen == "" {
		r.opt.Listen = "127.0.0.1:0"
	}
	if r.opt.DataDir == "" {
		dir, err := os.MkdirTemp("", "wr-"+name+"-")
		if err != nil {
			return nil, fmt.Errorf("make data dir: %w", err)
		}
		r.opt.DataDir, r.temp = dir, true
	}
	// A file and not a pipe: the keeper may inherit it and outlive the Hub. It
	// lies outside the data dir, which may be full.
	log, err := os.CreateTemp("", "wr-"+name+"-log-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make log: %w", err), r.removeDir())
	}
	r.log = log
	return r, nil
}

// DataDir is where it keeps everything.
func (r *Role) DataDir() string { return r.opt.DataDir }

// SetArgs changes the flags for the next Start.
func (r *Role) SetArgs(args ...string) { r.opt.Args = args }

// SetEnv changes what the next Start adds to this process's own environment.
func (r *Role) SetEnv(env ...string) { r.opt.Env = env }

// SetListen changes where it listens at the next Start.
func (r *Role) SetListen(addr string) { r.opt.Listen = addr }

// Log is all that it printed since the first Start.
func (r *Role) Log() string { return string(r.logFrom(0)) }

// SetBinary changes the program for the next Start.
func (r *Role) SetBinary(path string) { r.opt.Binary = path }

// Addr is where it answers; a restart changes it unless Listen names a port.
func (r *Role) Addr() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.addr
}

// PID of its own process; 0 when there is none.
func (r *Role) PID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return 0
	}
	return r.cmd.Process.Pid
}

// Start starts the process and returns once the API answers.
func (r *Role) Start(ctx context.Context) error {
	if r.PID() != 0 {
		return fmt.Errorf("the %s runs already", r.name)
	}
	before, err := r.log.Seek(0, 2)
	if err != nil {
		return err
	}
	args := append([]string{r.name, "--listen", r.opt.Listen, "--data-dir", r.opt.DataDir}, r.opt.Args...)
	cmd := exec.Command(r.opt.Binary, args...)
	cmd.Stdout, cmd.Stderr = r.log, r.log
	cmd.Env = append(os.Environ(), r.opt.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, we end it
	start := cmd.Start
	if r.opt.Place != nil {
		start = func() error { return r.opt.Place.Start(cmd) }
	}
	if err := start(); err != nil {
		return fmt.Errorf("start %s: %w", r.opt.Binary, err)
	}
	exited := make(chan struct{})
	r.mu.Lock()
	r.cmd, r.exited, r.addr = cmd, exited, ""
	r.mu.Unlock()
	go func() {
		err := cmd.Wait()
		r.mu.Lock()
		r.cmd, r.err = nil, err
		r.mu.Unlock()
		close(exited)
	}()
	if err := r.awaitReady(ctx, exited, before); err != nil {
		return fmt.Errorf("%w; the %s said:\n%s", err, r.name, r.logFrom(before))
	}
	return nil
}

// address is what a role prints once it listens.
var address = regexp.MustCompile(`is Running! https?://([^/]+)/`)

const readyPoll = 500 * time.Microsecond

func (r *Role) awaitReady(ctx context.Context, exited <-chan struct{}, logStart int64) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	fixed := !strings.HasSuffix(r.opt.Listen, ":0")
	for {
		addr := r.opt.Listen
		if !fixed {
			addr = ""
			if m := address.FindSubmatch(r.logFrom(logStart)); m != nil {
				addr = string(m[1])
			}
		}
		if addr != "" && r.answersAt(ctx, addr) {
			r.mu.Lock()
			r.addr = addr
			r.mu.Unlock()
			return nil
		}
		select {
		case <-tick.C:
		case <-exited:
			return fmt.Errorf("the %s ended while starting: %w", r.name, r.exitErr())
		case <-ctx.Done():
			return fmt.Errorf("the API of the %s does not answer: %w", r.name, ctx.Err())
		}
	}
}

// answersAt asks without the token, which may not be known yet: to be refused
// for that is an answer.
func (r *Role) answersAt(ctx context.Context, addr string) bool {
	asked := r.API
	asked.addr, asked.way.Token = func() string { return addr }, ""
	_, err := asked.Do(ctx, http.MethodGet, "/version", "", nil)
	var status *StatusError
	return err == nil || errors.As(err, &status) && (status.Status == http.StatusUnauthorized || status.Status == http.StatusForbidden)
}

func (r *Role) logFrom(at int64) []byte {
	info, err := r.log.Stat()
	if err != nil || info.Size() <= at {
		return nil
	}
	text := make([]byte, info.Size()-at)
	n, _ := r.log.ReadAt(text, at) // short only if the file shrinks, which it doesn't
	return text[:n]
}

// LogTail is the end of what it printed, for reports.
func (r *Role) LogTail(lines int) string {
	text := bytes.TrimRight(r.logFrom(0), "\n")
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			if lines--; lines == 0 {
				return string(text[i+1:])
			}
		}
	}
	return string(text)
}

func (r *Role) exitErr() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		return errors.New("exit status 0")
	}
	return r.err
}

// Signal sends sig to its own process only.
func (r *Role) Signal(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return fmt.Errorf("the %s does not run", r.name)
	}
	return r.cmd.Process.Signal(sig)
}

// Wait returns when its process has ended: how, or ctx's error.
func (r *Role) Wait(ctx context.Context) error {
	r.mu.Lock()
	exited := r.exited
	r.mu.Unlock()
	if exited == nil {
		return nil
	}
	select {
	case <-exited:
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// End sends sig and waits for the end of its process.
func (r *Role) End(ctx context.Context, sig syscall.Signal) error {
	if err := r.Signal(sig); err != nil {
		return err
	}
	err := r.Wait(ctx)
	var exit *exec.ExitError
	if sig == syscall.SIGKILL && errors.As(err, &exit) {
		return nil // as wished
	}
	return err
}

// closePatience is for one that ends its Instances.
const closePatience = 15 * time.Second

// Close ends it with everything it runs, by SIGINT and if that does not
// do by force, and removes what NewRole made.
func (r *Role) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if r.PID() != 0 {
		if err := r.End(ctx, syscall.SIGINT); ctx.Err() != nil {
			_ = r.End(context.Background(), syscall.SIGKILL)
		} else if err != nil && r.PID() != 0 {
			return err
		}
	}
	for _, pid := range r.Family() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is fine
	}
	r.client.CloseIdleConnections()
	err := errors.Join(r.log.Close(), os.Remove(r.log.Name()))
	return errors.Join(err, r.removeDir())
}

func (r *Role) removeDir() error {
	if !r.temp {
		return nil
	}
	return os.RemoveAll(r.opt.DataDir)
}
