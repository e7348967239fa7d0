package runtimetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"waverider"
	"waverider/logfile"
	"waverider/runner"
	"waverider/runtime"
)

// Target is a Runtime under test.
type Target struct {
	Runtime  runtime.Runtime
	Language string // whose runner is a binary that calls Program
	Dir      string // slots are made here
	// Again closes the Runtime without ending its processes and opens it anew,
	// as the next Hub process would. nil: processes don't outlive it.
	Again func() runtime.Runtime
	// KillKeeper ends, at once and roughly, what the processes are kept by.
	// nil: there is no such thing.
	KillKeeper func()
	// Trees says that a whole process tree ends, in whatever it hides.
	Trees bool
	// Limits names the limits that can be enforced here.
	Limits Limits
}

// Limits that can be enforced on this machine.
type Limits struct{ Memory, PIDs, Files bool }

// Run holds the Runtime that open makes to the contract. open is called for
// each test, and cleans up with it.
func Run(t *testing.T, open func(t *testing.T) *Target) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.test(&suite{T: t, Target: open(t)}) })
	}
}

var cases = []struct {
	name string
	test func(*suite)
}{
	{"Engines", testEngines},
	{"Echo", testEcho},
	{"ExitCodes", testExitCodes},
	{"Stdin", testStdin},
	{"Where", testWhere},
	{"SlowReaderOf100MB", testSlowReader},
	{"Kill", testKill},
	{"KillTree", testKillTree},
	{"ExitEndsTree", testExitEndsTree},
	{"AttachRunning", testAttachRunning},
	{"AttachEnded", testAttachEnded},
	{"AttachUnknown", testAttachUnknown},
	{"DetachWhilePrinting", testDetachWhilePrinting},
	{"Restart", testRestart},
	{"KeeperDies", testKeeperDies},
	{"Limits", testLimits},
	{"Usage", testUsage},
	{"OwnFolderRemoved", testOwnFolderRemoved},
	{"BadStarts", testBadStarts},
	{"Many", testMany},
	{"NothingLeaks", testNothingLeaks},
}

// suite is one test on one Target.
type suite struct {
	*testing.T
	*Target
}

const patience = 30 * time.Second

var slots atomic.Int64

func (s *suite) spec(main string, args ...string) runtime.Spec {
	s.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		s.Fatal(err)
	}
	id := fmt.Sprintf("slot-%d", slots.Add(1))
	dir := filepath.Join(s.Dir, id)
	return runtime.Spec{
		ID: id, Language: s.Language, Dir: dir, Logs: dir + ".logs",
		Start: runner.Start{Instance: waverider.InstanceID(id), Main: main, Args: text, Slot: dir},
	}
}

func (s *suite) start(main string, args ...string) runtime.Process {
	s.Helper()
	return s.startSpec(s.spec(main, args...))
}

func (s *suite) startSpec(spec runtime.Spec) runtime.Process {
	s.Helper()
	p, err := s.Runtime.Start(s.Context(), spec)
	if err != nil {
		s.Fatalf("start: %v", err)
	}
	return p
}

func (s *suite) attach(h runtime.Handle, spec runtime.Spec) runtime.Process {
	s.Helper()
	p, err := s.Runtime.Attach(s.Context(), h, spec)
	if err != nil {
		s.Fatalf("attach: %v", err)
	}
	return p
}

// wait returns how p ended.
func (s *suite) wait(p runtime.Process) runtime.Exit {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	exit, err := p.Wait(ctx)
	if err != nil {
		s.Fatalf("wait: %v", err)
	}
	return exit
}

func (s *suite) release(p runtime.Process) {
	s.Helper()
	if err := p.Release(); err != nil {
		s.Errorf("release: %v", err)
	}
}

// end waits for p, expects code and releases it.
func (s *suite) end(p runtime.Process, code int) {
	s.Helper()
	if exit := s.wait(p); exit.Code != code {
		s.Errorf("exit %+v, want code %d; stderr:\n%s", exit, code, s.text(p, "stderr"))
	}
	s.release(p)
}

// text is what is in a log of an ended process.
func (s *suite) text(p runtime.Process, name string) string {
	s.Helper()
	r := p.Log(name).NewReader(0, false)
	defer r.Close()
	var all []byte
	for buf := make([]byte, 64<<10); ; {
		n, err := r.TryRead(buf)
		all = append(all, buf[:n]...)
		if n == 0 && err == nil || errors.Is(err, io.EOF) {
			return string(all)
		}
		if err != nil {
			s.Fatalf("read %s: %v", name, err)
		}
	}
}

// reader reads a log as a stream.
type reader struct {
	ctx context.Context
	*logfile.Reader
}

func (r reader) Read(b []byte) (int, error) { return r.Reader.Read(r.ctx, b) }

// line waits for the first line of p's stdout.
func (s *suite) line(p runtime.Process) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	r := p.Log("stdout").NewReader(0, false)
	defer r.Close()
	var text []byte
	for b := make([]byte, 1); ; {
		if _, err := r.Read(ctx, b); err != nil {
			s.Fatalf("read stdout after %q: %v; stderr: %s", text, err, s.text(p, "stderr"))
		}
		if b[0] == '\n' {
			return string(text)
		}
		text = append(text, b[0])
	}
}

func (s *suite) say(p runtime.Process, line string) {
	s.Helper()
	if _, err := fmt.Fprintln(p.Stdin(), line); err != nil {
		s.Errorf("write to stdin: %v", err)
	}
}

func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	for i := len(text) - 1; i > 0; i-- {
		if text[i] == ')' {
			return i+2 >= len(text) || text[i+2] != 'Z'
		}
	}
	return false
}

// eventually polls for what no signal announces.
func (s *suite) eventually(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("not within %v: %s", patience, what)
		}
	}
}
