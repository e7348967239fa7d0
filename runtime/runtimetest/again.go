package runtimetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	goruntime "runtime"
	"strconv"
	"strings"
	"time"

	"waverider/runtime"
)

func (s *suite) again() {
	s.Helper()
	if s.Again == nil {
		s.Skip("processes don't outlive this Runtime")
	}
	s.Runtime = s.Again()
}

func testAttachRunning(s *suite) {
	spec := s.spec("wait")
	p := s.startSpec(spec)
	s.line(p)
	pid := s.usage(p).PID
	waiting := make(chan error, 1)
	go func() { _, err := p.Wait(context.Background()); waiting <- err }()
	if err := p.Detach(); err != nil {
		s.Fatal(err)
	}
	if err := <-waiting; err == nil || errors.Is(err, runtime.ErrLost) {
		s.Errorf("Wait over a Detach: %v", err)
	}
	s.again()
	p = s.attach(p.Handle(), spec)
	if got := s.usage(p).PID; got != pid || len(p.Applied().Layers) == 0 {
		s.Errorf("attached to %d, not %d; applied %+v", got, pid, p.Applied())
	}
	select {
	case <-p.Session().Connected():
	case <-time.After(patience):
		s.Error("the runner has not found the Hub again")
	}
	s.say(p, "5")
	s.end(p, 5)
}

func (s *suite) usage(p runtime.Process) runtime.Usage {
	s.Helper()
	u, err := p.Usage()
	if err != nil {
		s.Fatal(err)
	}
	return u
}

// The end of a process waits for its Hub, and so does what it said last.
func testAttachEnded(s *suite) {
	spec := s.spec("wait")
	p := s.startSpec(spec)
	s.line(p)
	h, u, in := p.Handle(), s.usage(p), p.Stdin()
	s.say(p, "6")
	if err := p.Detach(); err != nil {
		s.Fatal(err)
	}
	s.again()
	s.eventually("end of the process", func() bool { return !alive(u.PID) })
	p = s.attach(h, spec)
	s.end(p, 6)
	if got := s.text(p, "stdout"); got != "ready\n" {
		s.Errorf("stdout %q", got)
	}
	if _, err := s.Runtime.Attach(s.Context(), h, spec); !errors.Is(err, runtime.ErrLost) {
		s.Errorf("attach after release: %v", err)
	}
	if _, err := in.Write([]byte("x")); err == nil {
		s.Error("stdin of a let go process takes bytes")
	}
}

func testAttachUnknown(s *suite) {
	for _, h := range []string{"", "{}", "rubbish", `{"version":99}`} {
		if _, err := s.Runtime.Attach(s.Context(), runtime.Handle(h), s.spec("wait")); err == nil {
			s.Errorf("attached to %q", h)
		}
	}
}

// No line is lost or doubled while Hubs come and go.
func testDetachWhilePrinting(s *suite) {
	spec := s.spec("lines", "0", "0")
	spec.LogLimit = 1 << 30
	p := s.startSpec(spec)
	h := p.Handle()
	for range 5 {
		end := p.Log("stdout").End()
		s.eventually("another megabyte", func() bool { return p.Log("stdout").End() > end+1<<20 })
		if err := p.Detach(); err != nil {
			s.Fatal(err)
		}
		s.again()
		p = s.attach(h, spec)
	}
	s.say(p, "stop")
	s.wait(p)
	s.countLines(p)
	s.release(p)
}

// countLines compares stdout of an ended "lines" with what it says it wrote.
func (s *suite) countLines(p runtime.Process) {
	s.Helper()
	want, err := strconv.Atoi(strings.TrimSpace(s.text(p, "log")))
	if err != nil {
		s.Fatalf("log: %v; stderr: %s", err, s.text(p, "stderr"))
	}
	r := p.Log("stdout").NewReader(0, false)
	defer r.Close()
	p.Log("stdout").Finish()
	n := 0
	for lines := bufio.NewScanner(reader{s.Context(), r}); lines.Scan(); n++ {
		if got := lines.Text(); got != fmt.Sprintf("line %09d of the program's standard output, long enough to be one", n) {
			s.Fatalf("line %d is %q", n, got)
		}
	}
	if n != want {
		s.Errorf("%d lines are stored, %d were written", n, want)
	}
}

func testKeeperDies(s *suite) {
	if s.KillKeeper == nil {
		s.Skip("nothing keeps the processes")
	}
	spec := s.spec("tree")
	p, q := s.startSpec(spec), s.start("spin")
	grandchild, child := s.pid(p), s.usage(p).PID
	s.line(q)
	h := p.Handle()
	s.KillKeeper()
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	for _, each := range []runtime.Process{p, q} {
		if _, err := each.Wait(ctx); !errors.Is(err, runtime.ErrLost) {
			s.Errorf("wait: %v", err)
		}
	}
	if alive(child) || s.Trees && alive(grandchild) {
		s.Errorf("left over: child %v, grandchild %v", alive(child), alive(grandchild))
	}
	s.release(p)
	s.release(q)
	if _, err := s.Runtime.Attach(s.Context(), h, spec); !errors.Is(err, runtime.ErrLost) {
		s.Errorf("attach: %v", err)
	}
	s.end(s.start("exit", "3"), 3)
}

// After many runs there is nothing more than after one.
func testNothingLeaks(s *suite) {
	run := func() {
		spec := s.spec("exit", "0")
		s.end(s.startSpec(spec), 0)
		os.RemoveAll(spec.Dir)
	}
	for range 3 {
		run()
	}
	s.eventually("quiet before", func() bool { return steady(goruntime.NumGoroutine) && steady(openFiles) })
	goroutines, files := goruntime.NumGoroutine(), openFiles()
	for range 50 {
		run()
	}
	s.eventually("end of the goroutines", func() bool { return goruntime.NumGoroutine() <= goroutines+2 })
	s.eventually("closed files", func() bool { return openFiles() <= files+2 })
	if n := len(childProcesses()); n > 3 { // a keeper, and perhaps a waiting runner
		s.Errorf("%d child processes are left: %v", n, childProcesses())
	}
}

// steady tells whether count stays the same for a moment.
func steady(count func() int) bool {
	n := count()
	time.Sleep(400 * time.Millisecond)
	return count() == n
}

func openFiles() int {
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// childProcesses lists those of this process.
func childProcesses() []string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/children", os.Getpid()))
	return strings.Fields(string(text))
}
