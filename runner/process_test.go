package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"waverider"
	"waverider/runner"
)

// process is a real runner with a program, and what its life after a Hub's end
// needs.
type process struct {
	testing.TB
	ctx                 context.Context
	path, key           string
	cmd                 *exec.Cmd
	stdin               io.WriteCloser
	stdout, stderr, log text
	exited              chan error
}

// text is what a process writes.
type text struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (x *text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.Write(p)
}

func (x *text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.buf.String()
}

// newProcess prepares a runner of the language; program is the text of its
// main file, more are other files of the package by name.
func newProcess(t testing.TB, l language, program string, more ...map[string]string) (*process, runner.Start) {
	t.Helper()
	dir := t.TempDir()
	start := runner.Start{
		Instance: waverider.InstanceID("i1"), Package: filepath.Join(dir, "package"), Main: l.file,
		Slot: filepath.Join(dir, "slot"), ExitTimeout: 10_000, Sequence: json.RawMessage(`{"id":"s1","name":"echo"}`),
	}
	files := map[string]string{l.file: program, "package.json": `{"name":"echo","version":"1.0.0","main":"` + l.file + `"}`}
	for _, m := range more {
		for name, text := range m {
			files[name] = dedent(text)
		}
	}
	for name, text := range files {
		name = filepath.Join(start.Package, name)
		ok(t, os.MkdirAll(filepath.Dir(name), 0o700))
		ok(t, os.WriteFile(name, []byte(text), 0o600))
	}
	ok(t, os.Mkdir(start.Slot, 0o700))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	p := &process{TB: t, ctx: ctx, path: filepath.Join(dir, "s"), key: runner.NewKey(), exited: make(chan error, 1)}
	p.cmd = exec.CommandContext(ctx, l.argv[0], l.argv[1:]...)
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "WAVERIDER_CHANNEL="+p.path, "WAVERIDER_KEY="+p.key)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = 2 * time.Second
	stdin, err := p.cmd.StdinPipe()
	ok(t, err)
	p.stdin = stdin
	t.Cleanup(func() {
		cancel()
		<-p.exited
		if t.Failed() {
			t.Logf("stdout: %s\nstderr: %s\nlog: %s", &p.stdout, &p.stderr, &p.log)
		}
	})
	return p, start
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *process) ok(err error) {
	p.Helper()
	ok(p, err)
}

func (p *process) spawn() {
	p.Helper()
	log, end, err := os.Pipe()
	p.ok(err)
	p.cmd.ExtraFiles = []*os.File{end} // fd 3
	if err := p.cmd.Start(); err != nil {
		p.exited <- err
		p.Fatal(err)
	}
	end.Close()
	logged := make(chan struct{})
	go func() {
		io.Copy(&p.log, log)
		log.Close()
		close(logged)
	}()
	go func() {
		err := p.cmd.Wait()
		select {
		case <-logged:
		case <-time.After(p.cmd.WaitDelay): // a child of the program has it
			log.Close()
			<-logged
		}
		p.exited <- err
		close(p.exited)
	}()
}

// exitCode waits for the process to end.
func (p *process) exitCode() int {
	p.Helper()
	if p.ctx.Err() != nil {
		p.Error("the process was still there after 20 s")
	}
	<-p.exited
	return p.cmd.ProcessState.ExitCode()
}

// hub is one life of a Hub: call end before the next. A kill cuts what is
// under way instead of detaching.
func (p *process) hub(resume bool) (s *runner.Session, end func(kill bool)) {
	p.Helper()
	l, err := runner.Listen(p.path)
	p.ok(err)
	ran := make(chan error, 1)
	go func() { ran <- l.Run(p.ctx) }()
	s = runner.NewSession(runner.SessionConfig{Key: p.key, Resume: resume})
	l.Expect(s)
	return s, func(kill bool) {
		if !kill {
			s.Detach()
		}
		l.Close()
		s.Detach()
		if err := <-ran; err != nil {
			p.Error(err)
		}
	}
}

// again is the next life of a Hub, with the runner connected.
func (p *process) again() (*runner.Session, func(kill bool)) {
	p.Helper()
	s, end := p.hub(true)
	select {
	case <-s.Connected():
	case <-p.ctx.Done():
		p.Fatal("the runner does not connect")
	}
	return s, end
}

func (p *process) write(s *runner.Session, text string) {
	p.Helper()
	_, err := s.Input().Write(p.ctx, []byte(text))
	p.ok(err)
}

func (p *process) inOrder(s *runner.Session) {
	p.Helper()
	var broken *runner.ProtocolError
	if errors.As(s.LastError(), &broken) {
		p.Error(broken)
	}
}
