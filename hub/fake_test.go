package hub_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/logfile"
	"waverider/runner"
	"waverider/runner/runnertest"
	"waverider/runtime"
)

// program is what a fake process runs; it returns the exit code. When the
// process is killed the methods of its Runner fail, and it should return.
type program func(p *proc) int

// machine is a fake runtime.Runtime: its processes are Go functions behind a
// real runner channel. It outlives the Hubs that use it, as a keeper does.
type machine struct {
	t        *testing.T
	listener *runner.Listener
	path     string // where runners look for it
	life     context.Context

	mu       sync.Mutex
	programs map[string]program // by the main of the manifest
	procs    map[string]*proc   // by key
	engines  map[string]string
	refuse   error  // what Start answers, when set
	forgets  func() // called when a Hub releases a process, before that is forgotten
	running  sync.WaitGroup
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	// A test's own folder may have too long a name for a socket.
	dir, err := os.MkdirTemp("", "hub")
	if err != nil {
		t.Fatal(err)
	}
	l, err := runner.Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- l.Run(ctx) }()
	m := &machine{
		t: t, listener: l, path: l.Path(), life: ctx,
		programs: map[string]program{}, procs: map[string]*proc{}, engines: map[string]string{waverider.LanguageNode: "20.0.0"},
	}
	t.Cleanup(func() {
		m.killAll()
		m.running.Wait()
		cancel()
		if err := <-served; err != nil {
			t.Errorf("listener: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return m
}

// on makes packages whose main is name run p.
func (m *machine) on(name string, p program) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.programs[name] = p
}

func (m *machine) refuseStarts(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refuse = err
}

func (m *machine) all() []*proc {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.procs))
}

func (m *machine) killAll() {
	for _, p := range m.all() {
		p.kill()
	}
}

// lose forgets every process, as when the machine is switched off.
func (m *machine) lose() {
	m.killAll()
	m.mu.Lock()
	m.procs = map[string]*proc{}
	m.mu.Unlock()
}

// Engines is the runtime.Runtime's.
func (m *machine) Engines() map[string]string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.engines
}

// Start is the runtime.Runtime's.
func (m *machine) Start(ctx context.Context, spec runtime.Spec) (runtime.Process, error) {
	m.mu.Lock()
	run, err := m.programs[spec.Start.Main], m.refuse
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if run == nil {
		run = entrypointMissing
	}
	key := runner.NewKey()
	p := &proc{
		Spec: spec, key: key, machine: m, done: make(chan struct{}), killed: make(chan struct{}),
		Runner: runnertest.New(runnertest.Config{Path: m.path, Key: key, Instance: spec.ID}),
	}
	p.stdinR, p.stdinW = io.Pipe()
	p.changed = sync.NewCond(&p.mu)
	m.mu.Lock()
	m.procs[key] = p
	m.mu.Unlock()
	h, err := p.attach(false)
	if err != nil {
		p.kill()
		return nil, err
	}
	if err := h.session.Send(ctx, "start", spec.Start); err != nil {
		p.kill()
		return nil, err
	}
	m.running.Go(func() { p.live(run) })
	return h, nil
}

// Attach is the runtime.Runtime's.
func (m *machine) Attach(_ context.Context, h runtime.Handle, _ runtime.Spec) (runtime.Process, error) {
	m.mu.Lock()
	p := m.procs[string(h)]
	m.mu.Unlock()
	if p == nil {
		return nil, runtime.ErrLost
	}
	return p.attach(true)
}

// proc is a running fake program.
type proc struct {
	*runnertest.Runner
	Spec    runtime.Spec
	machine *machine
	key     string
	stdinR  *io.PipeReader
	stdinW  *io.PipeWriter

	stdinEnded atomic.Bool
	done       chan struct{} // the process has ended, exit is set
	killed     chan struct{}
	once       sync.Once
	exit       runtime.Exit

	mu      sync.Mutex
	changed *sync.Cond
	handle  *handle // who holds it now; nil between two Hubs
}

// live is the life of the process.
func (p *proc) live(run program) {
	code := waverider.ExitRunner
	if _, err := p.Expect("start"); err == nil {
		code = run(p)
	}
	p.exit = runtime.Exit{Code: code, At: time.Now()}
	select {
	case <-p.killed:
		p.exit.Code, p.exit.Signal = 137, syscall.SIGKILL.String()
	default:
	}
	_ = p.Runner.Close()
	_ = p.stdinR.Close()
	close(p.done)
}

func (p *proc) kill() {
	p.once.Do(func() {
		close(p.killed)
		_ = p.stdinW.CloseWithError(io.ErrClosedPipe)
		p.mu.Lock()
		p.changed.Broadcast()
		p.mu.Unlock()
		_ = p.Runner.Close()
	})
}

func (p *proc) isKilled() bool {
	select {
	case <-p.killed:
		return true
	default:
		return false
	}
}

// ready says that the program is loaded.
func (p *proc) ready() { _ = p.Send("ready", map[string]any{"requires": "", "contentType": ""}) }

// produces says what the output is.
func (p *proc) produces(contentType string) {
	_ = p.Send("output", map[string]any{"provides": "", "contentType": contentType, "encoding": ""})
}

// finish ends the output and waits until it has been taken.
func (p *proc) finish(code int) int {
	p.End()
	if p.Drain() != nil {
		return waverider.ExitKilled
	}
	return code
}

// fail is the end of a program that throws.
func (p *proc) fail(phase string, code int, message string) int {
	_ = p.Send("failed", map[string]any{"phase": phase, "exitCode": code, "message": message, "stack": message + "\n    at index.js:1"})
	_ = p.Flushed()
	return code
}

// print adds a line to stdout, stderr or log. It waits for a Hub to be there.
func (p *proc) print(name, line string) {
	p.mu.Lock()
	for p.handle == nil && !p.isKilled() {
		p.changed.Wait()
	}
	h := p.handle
	p.mu.Unlock()
	if h != nil {
		if err := h.logs[name].Append([]byte(line + "\n")); err != nil && !errors.Is(err, os.ErrClosed) {
			p.machine.t.Errorf("print to %s: %v", name, err)
		}
	}
}

// attach makes the Hub's end of the process.
func (p *proc) attach(again bool) (*handle, error) {
	h := &handle{proc: p, session: runner.NewSession(runner.SessionConfig{Key: p.key, Resume: again}), logs: map[string]*logfile.Log{}}
	for _, name := range []string{"stdout", "stderr", "log"} {
		l, err := logfile.Open(p.Spec.Logs, name, p.Spec.LogLimit)
		if err != nil {
			return nil, err
		}
		h.logs[name] = l
	}
	p.machine.listener.Expect(h.session)
	p.mu.Lock()
	p.handle = h
	p.changed.Broadcast()
	p.mu.Unlock()
	return h, nil
}

// handle is a runtime.Process: one Hub's hold on a proc.
type handle struct {
	proc    *proc
	session *runner.Session
	logs    map[string]*logfile.Log
}

func (h *handle) Handle() runtime.Handle        { return runtime.Handle(h.proc.key) }
func (h *handle) Session() *runner.Session      { return h.session }
func (h *handle) Log(name string) *logfile.Log  { return h.logs[name] }
func (h *handle) Usage() (runtime.Usage, error) { return runtime.Usage{PID: 4711, Processes: 1}, nil }
func (h *handle) Applied() runtime.Applied      { return runtime.Applied{Layers: []string{"none"}} }

func (h *handle) Stdin() io.WriteCloser {
	if h.proc.stdinEnded.Load() {
		return nil
	}
	return fakeStdin{h.proc}
}

// fakeStdin is known to have ended once it was closed.
type fakeStdin struct{ p *proc }

func (s fakeStdin) Write(b []byte) (int, error) { return s.p.stdinW.Write(b) }
func (s fakeStdin) Close() error {
	s.p.stdinEnded.Store(true)
	return s.p.stdinW.Close()
}

func (h *handle) Kill() error {
	h.proc.kill()
	return nil
}

func (h *handle) Wait(ctx context.Context) (runtime.Exit, error) {
	select {
	case <-h.proc.done:
		return h.proc.exit, nil
	case <-ctx.Done():
		return runtime.Exit{}, ctx.Err()
	}
}

func (h *handle) Detach() error {
	h.proc.mu.Lock()
	h.proc.handle = nil
	h.proc.mu.Unlock()
	h.proc.machine.listener.Forget(h.session)
	return h.session.Detach()
}

func (h *handle) Release() error {
	m := h.proc.machine
	if m.forgets != nil {
		m.forgets()
	}
	m.mu.Lock()
	delete(m.procs, h.proc.key)
	m.mu.Unlock()
	m.listener.Forget(h.session)
	for _, l := range h.logs {
		l.Finish()
	}
	return nil
}

// entrypointMissing is what a runner does that finds no main.
func entrypointMissing(p *proc) int {
	return p.fail("entrypoint", waverider.ExitEntrypoint, "Cannot find module")
}
