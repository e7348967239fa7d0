// Package testhub starts a built waverider binary as a Hub with a data dir of
// its own, drives it over its REST API, kills it in every way there is, and
// looks at its processes from outside. Benchmarks, fault tests and end-to-end
// tests stand on it. It shares no code with the product, so that it can't
// repeat a mistake of it.
package testhub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"time"
)

// Options say how a Hub is started. Binary is required.
type Options struct {
	Binary  string
	DataDir string   // made when it isn't there; empty: a new temporary folder, removed by Close
	Listen  string   // default 127.0.0.1:0
	Args    []string // flags beside --listen and --data-dir
	Env     []string // added to this process's own
}

// Hub is a Hub's data dir and the process that has it open, if one has.
type Hub struct {
	API
	opt  Options
	temp bool
	log  *os.File

	mu     sync.Mutex
	cmd    *exec.Cmd
	addr   string
	exited chan struct{} // closed when cmd has ended
	err    error         // of cmd, once exited
}

// New prepares a Hub; Start starts it.
func New(opt Options) (*Hub, error) {
	h := &Hub{opt: opt}
	h.API = API{addr: h.Addr}
	if h.opt.Listen == "" {
		h.opt.Listen = "127.0.0.1:0"
	}
	if h.opt.DataDir == "" {
		dir, err := os.MkdirTemp("", "wr-hub-")
		if err != nil {
			return nil, fmt.Errorf("make data dir: %w", err)
		}
		h.opt.DataDir, h.temp = dir, true
	}
	// A file and not a pipe: the keeper may inherit it and outlive the Hub. It
	// lies outside the data dir, which may be full.
	log, err := os.CreateTemp("", "wr-hub-log-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make log: %w", err), h.removeDir())
	}
	h.log = log
	return h, nil
}

// Open is New and Start.
func Open(ctx context.Context, opt Options) (*Hub, error) {
	h, err := New(opt)
	if err != nil {
		return nil, err
	}
	if err := h.Start(ctx); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

// DataDir is where the Hub keeps everything.
func (h *Hub) DataDir() string { return h.opt.DataDir }

// SetBinary changes the program for the next Start.
func (h *Hub) SetBinary(path string) { h.opt.Binary = path }

// Addr is where the Hub answers; a restart changes it unless Listen names a port.
func (h *Hub) Addr() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.addr
}

// PID of the Hub's own process; 0 when there is none.
func (h *Hub) PID() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd == nil {
		return 0
	}
	return h.cmd.Process.Pid
}

// Start starts the process and returns once the API answers.
func (h *Hub) Start(ctx context.Context) error {
	if h.PID() != 0 {
		return errors.New("the Hub runs already")
	}
	before, err := h.log.Seek(0, 2)
	if err != nil {
		return err
	}
	args := append([]string{"hub", "--listen", h.opt.Listen, "--data-dir", h.opt.DataDir}, h.opt.Args...)
	cmd := exec.Command(h.opt.Binary, args...)
	cmd.Stdout, cmd.Stderr = h.log, h.log
	cmd.Env = append(os.Environ(), h.opt.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us, we end the Hub
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", h.opt.Binary, err)
	}
	exited := make(chan struct{})
	h.mu.Lock()
	h.cmd, h.exited, h.addr = cmd, exited, ""
	h.mu.Unlock()
	go func() {
		err := cmd.Wait()
		h.mu.Lock()
		h.cmd, h.err = nil, err
		h.mu.Unlock()
		close(exited)
	}()
	if err := h.awaitReady(ctx, exited, before); err != nil {
		return fmt.Errorf("%w; the Hub said:\n%s", err, h.logFrom(before))
	}
	return nil
}

// address is what the Hub prints once it listens.
var address = regexp.MustCompile(`https?://([0-9.]+:[0-9]+)`)

const readyPoll = 500 * time.Microsecond

func (h *Hub) awaitReady(ctx context.Context, exited <-chan struct{}, logStart int64) error {
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	fixed := h.opt.Listen != "127.0.0.1:0"
	for {
		addr := h.opt.Listen
		if !fixed {
			addr = ""
			if m := address.FindSubmatch(h.logFrom(logStart)); m != nil {
				addr = string(m[1])
			}
		}
		if addr != "" && answers(ctx, addr) {
			h.mu.Lock()
			h.addr = addr
			h.mu.Unlock()
			return nil
		}
		select {
		case <-tick.C:
		case <-exited:
			return fmt.Errorf("the Hub ended while starting: %w", h.exitErr())
		case <-ctx.Done():
			return fmt.Errorf("the Hub's API does not answer: %w", ctx.Err())
		}
	}
}

func answers(ctx context.Context, addr string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+apiBase+"/version", nil)
	if err != nil {
		return false
	}
	resp, err := plain.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

func (h *Hub) logFrom(at int64) []byte {
	info, err := h.log.Stat()
	if err != nil || info.Size() <= at {
		return nil
	}
	text := make([]byte, info.Size()-at)
	n, _ := h.log.ReadAt(text, at) // short only if the file shrinks, which it doesn't
	return text[:n]
}

// LogTail is the end of what the Hub printed, for reports.
func (h *Hub) LogTail(lines int) string {
	text := bytes.TrimRight(h.logFrom(0), "\n")
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '\n' {
			if lines--; lines == 0 {
				return string(text[i+1:])
			}
		}
	}
	return string(text)
}

func (h *Hub) exitErr() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == nil {
		return errors.New("exit status 0")
	}
	return h.err
}

// Signal sends sig to the Hub's own process only.
func (h *Hub) Signal(sig syscall.Signal) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cmd == nil {
		return errors.New("the Hub does not run")
	}
	return h.cmd.Process.Signal(sig)
}

// Wait returns when the Hub's process has ended: how, or ctx's error.
func (h *Hub) Wait(ctx context.Context) error {
	h.mu.Lock()
	exited := h.exited
	h.mu.Unlock()
	if exited == nil {
		return nil
	}
	select {
	case <-exited:
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// End sends sig and waits for the end of the Hub's process.
func (h *Hub) End(ctx context.Context, sig syscall.Signal) error {
	if err := h.Signal(sig); err != nil {
		return err
	}
	err := h.Wait(ctx)
	var exit *exec.ExitError
	if sig == syscall.SIGKILL && errors.As(err, &exit) {
		return nil // as wished
	}
	return err
}

// closePatience is for a Hub that ends its Instances.
const closePatience = 15 * time.Second

// Close ends the Hub with everything it runs, by SIGINT and if that does not
// do by force, and removes what New made.
func (h *Hub) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	if h.PID() != 0 {
		if err := h.End(ctx, syscall.SIGINT); ctx.Err() != nil {
			_ = h.End(context.Background(), syscall.SIGKILL)
		} else if err != nil && h.PID() != 0 {
			return err
		}
	}
	for _, pid := range h.Family() {
		_ = syscall.Kill(pid, syscall.SIGKILL) // gone already is fine
	}
	err := errors.Join(h.log.Close(), os.Remove(h.log.Name()))
	return errors.Join(err, h.removeDir())
}

func (h *Hub) removeDir() error {
	if !h.temp {
		return nil
	}
	return os.RemoveAll(h.opt.DataDir)
}

// Slots lists the slot folders there are, those of waiting runners too, and
// the folders of what is kept of each.
func (h *Hub) Slots() ([]string, error) {
	slots, err := filepath.Glob(filepath.Join(h.opt.DataDir, "slots", "*"))
	if err != nil {
		return nil, err
	}
	kept, err := filepath.Glob(filepath.Join(h.opt.DataDir, "kept", "*"))
	return append(slots, kept...), err
}
