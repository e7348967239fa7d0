package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"waverider"
)

// direct does a keeper's work within the Hub, for systems without the means a
// keeper is built on. Its programs don't outlive the Hub: Close ends them, and
// after a kill -9 of the Hub the next one ends what it finds. A tree is a
// process group; who leaves the group is missed.
type direct struct {
	dir  string // DIR/run/children: who runs, for the next Hub
	wg   sync.WaitGroup
	done chan struct{}

	mu       sync.Mutex
	children map[string]*directChild
	closed   bool
}

type directChild struct {
	process *os.Process
	ended   chan struct{}
	exit    Exit
}

type directRecord struct {
	PID     int    `json:"pid"`
	Started string `json:"started"` // as ps shows it
}

func connectDirect(cfg Config) (*direct, error) {
	d := &direct{dir: filepath.Join(cfg.run(), "children"), done: make(chan struct{}), children: map[string]*directChild{}}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, fmt.Errorf("start children: %w", err)
	}
	d.clean()
	return d, nil
}

// clean ends what a killed Hub left.
func (d *direct) clean() {
	entries, _ := os.ReadDir(d.dir)
	for _, e := range entries {
		path := filepath.Join(d.dir, e.Name())
		var r directRecord
		if text, err := os.ReadFile(path); err == nil && json.Unmarshal(text, &r) == nil && r.PID > 1 && r.Started != "" && r.Started == startedAt(r.PID) {
			syscall.Kill(-r.PID, syscall.SIGKILL)
		}
		os.Remove(path)
	}
}

// startedAt tells a process from a later one of the same number.
func startedAt(pid int) string {
	out, err := exec.Command("ps", "-o", "lstart=", "-p", fmt.Sprint(pid)).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func (d *direct) PID() int          { return os.Getpid() }
func (d *direct) Children() []Child { return nil }

func (d *direct) Spawn(_ context.Context, spec Spec) (Child, Report, Files, error) {
	var f Files
	theirs, err := f.open()
	defer func() {
		for _, file := range theirs {
			file.Close()
		}
	}()
	if err != nil {
		f.Close()
		return Child{}, Report{}, Files{}, err
	}
	path, err := lookPath(spec.Argv, spec.Env)
	if err != nil {
		f.Close()
		return Child{}, Report{}, Files{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.children[spec.ID] != nil {
		f.Close()
		return Child{}, Report{}, Files{}, fmt.Errorf("child %s: %w", spec.ID, os.ErrExist)
	}
	p, err := os.StartProcess(path, spec.Argv, &os.ProcAttr{
		Dir: spec.Dir, Env: spec.Env, Files: theirs[:4], Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		f.Close()
		return Child{}, Report{}, Files{}, err
	}
	c := &directChild{process: p, ended: make(chan struct{})}
	d.children[spec.ID] = c
	d.wg.Go(func() { d.watch(spec.ID, c) })
	child := Child{ID: spec.ID, Label: spec.Label, PID: p.Pid, Tree: Tree{Kind: Sweep}, Assigned: true}
	report := Report{Layers: []string{child.Tree.Layer()}, Missing: []string{
		"end of the whole process tree: best effort on this system",
		"life beyond the Hub: not on this system",
	}}
	if spec.Limits != (waverider.Limits{}) {
		report.Missing = append(report.Missing, "limits: not on this system")
	}
	return child, report, f, nil
}

// open makes the pipes and returns the program's ends. Report is at its end
// at once: there is no __init.
func (f *Files) open() (theirs []*os.File, err error) {
	for _, ours := range []**os.File{&f.Stdin, &f.Stdout, &f.Stderr, &f.Log, &f.Report} {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		if *ours = r; ours == &f.Stdin {
			*ours, w = w, r
		}
		theirs = append(theirs, w)
	}
	return theirs, nil
}

func (d *direct) watch(id string, c *directChild) {
	record := filepath.Join(d.dir, id+".json")
	if text, err := json.Marshal(directRecord{c.process.Pid, startedAt(c.process.Pid)}); err == nil {
		os.WriteFile(record, text, 0o600)
	}
	state, err := c.process.Wait()
	syscall.Kill(-c.process.Pid, syscall.SIGKILL)
	os.Remove(record)
	c.exit = Exit{Code: 255, At: time.Now()}
	if err == nil {
		if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
			c.exit.Code, c.exit.Signal = 128+int(s.Signal()), signalName(s.Signal())
		} else {
			c.exit.Code = state.ExitCode()
		}
	}
	close(c.ended)
}

func (d *direct) child(id string) (*directChild, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.children[id]; c != nil {
		return c, nil
	}
	return nil, ErrUnknown
}

func (d *direct) Open(context.Context, string) (Child, Files, error) {
	return Child{}, Files{}, ErrUnknown
}

func (d *direct) Kill(_ context.Context, id string) error {
	c, err := d.child(id)
	if err != nil {
		return err
	}
	select {
	case <-c.ended:
	default:
		syscall.Kill(-c.process.Pid, syscall.SIGKILL)
		c.process.Kill()
	}
	return nil
}

func (d *direct) CloseStdin(context.Context, string) error { return nil }

func (d *direct) Assign(_ context.Context, id, _ string, _ waverider.Limits) (Report, error) {
	_, err := d.child(id)
	return Report{}, err
}

func (d *direct) Forget(ctx context.Context, id string) error {
	if err := d.Kill(ctx, id); err != nil {
		return err
	}
	d.mu.Lock()
	delete(d.children, id)
	d.mu.Unlock()
	return nil
}

func (d *direct) Wait(ctx context.Context, id string) (Exit, error) {
	c, err := d.child(id)
	if err != nil {
		return Exit{}, err
	}
	select {
	case <-c.ended:
		return c.exit, nil
	case <-ctx.Done():
		return Exit{}, ctx.Err()
	}
}

func (d *direct) Lost() <-chan struct{} { return d.done }

func (d *direct) Err() error {
	select {
	case <-d.done:
		return os.ErrClosed
	default:
		return nil
	}
}

func (d *direct) Shutdown(context.Context) error { return d.Close() }

// Close ends all programs: nobody could find them again.
func (d *direct) Close() error {
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	var ids []string
	for id := range d.children {
		ids = append(ids, id)
	}
	d.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, id := range ids {
		if err := d.Kill(context.Background(), id); err != nil && !errors.Is(err, ErrUnknown) {
			errs = append(errs, err)
		}
	}
	d.wg.Wait()
	close(d.done)
	return errors.Join(errs...)
}

// lookPath finds argv[0] as a shell with the program's PATH would.
func lookPath(argv, env []string) (string, error) {
	if len(argv) == 0 {
		return "", errors.New("no command")
	}
	if strings.Contains(argv[0], "/") {
		return argv[0], nil
	}
	for _, e := range env {
		list, ok := strings.CutPrefix(e, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range filepath.SplitList(list) {
			path := filepath.Join(dir, argv[0])
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("%s: no such command", argv[0])
}
