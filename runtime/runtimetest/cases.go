package runtimetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"waverider"
	"waverider/logfile"
	"waverider/runtime"
)

func testEngines(s *suite) {
	if v := s.Runtime.Engines()[s.Language]; v == "" {
		s.Errorf("engines %v are without %s", s.Runtime.Engines(), s.Language)
	}
}

// What goes in through the channel comes out of it.
func testEcho(s *suite) {
	p := s.start("echo")
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	want := bytes.Repeat([]byte("0123456789abcde\n"), 64<<10)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := p.Session().Input().Write(ctx, want); err != nil {
			s.Errorf("input: %v", err)
		}
		p.Session().Input().End(ctx)
	})
	var got []byte
	for {
		c, err := p.Session().Output().Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.Fatalf("output after %d bytes: %v", len(got), err)
		}
		got = append(got, c.Data...)
		p.Session().Output().Ack(c.Offset + uint64(len(c.Data)))
		c.Release()
	}
	p.Session().Output().AckEnd()
	wg.Wait()
	if !bytes.Equal(got, want) {
		s.Errorf("%d bytes came back of %d", len(got), len(want))
	}
	s.end(p, 0)
}

func testExitCodes(s *suite) {
	for _, code := range []int{0, 1, 23, 137} {
		p := s.start("exit", strconv.Itoa(code))
		began := time.Now()
		exit := s.wait(p)
		if exit.Code != code || exit.Signal != "" || exit.At.Before(began.Add(-time.Minute)) {
			s.Errorf("exit %+v, want code %d", exit, code)
		}
		got := s.text(p, "stdout") + s.text(p, "stderr") + s.text(p, "log")
		if want := "to stdout\nto stderr\n{\"msg\":\"to log\"}\n"; got != want {
			s.Errorf("said %q, want %q", got, want)
		}
		s.release(p)
		// Who follows the log learns that it is over.
		r := p.Log("stdout").NewReader(0, false)
		if text, err := io.ReadAll(reader{s.Context(), r}); err != nil || string(text) != "to stdout\n" {
			s.Errorf("stdout after release: %q, %v", text, err)
		}
		r.Close()
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		p := s.start("signal", strconv.Itoa(int(sig)))
		if exit := s.wait(p); exit.Code != 128+int(sig) || exit.Signal != map[syscall.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGKILL: "SIGKILL"}[sig] {
			s.Errorf("exit after %v: %+v", sig, exit)
		}
		s.release(p)
	}
}

func testStdin(s *suite) {
	p := s.start("stdin")
	want := strings.Repeat("a line of standard input\n", 20_000)
	if _, err := io.WriteString(p.Stdin(), want); err != nil {
		s.Fatal(err)
	}
	if err := p.Stdin().Close(); err != nil {
		s.Errorf("close: %v", err)
	}
	s.wait(p)
	if got := s.text(p, "stdout"); got != want {
		s.Errorf("%d bytes of %d came back", len(got), len(want))
	}
	if p.Stdin() != nil {
		s.Error("a write after Close succeeded")
	}
	s.release(p)
}

func testWhere(s *suite) {
	os.Setenv("SUITE_SECRET", "the Hub's own")
	defer os.Unsetenv("SUITE_SECRET")
	spec := s.spec("where")
	spec.Grants.Env = map[string]string{"GRANTED": "yes"}
	p := s.startSpec(spec)
	s.wait(p)
	f := strings.Split(s.text(p, "stdout"), "\n")
	if len(f) < 5 || f[0] != spec.Dir || f[1] != spec.Dir || f[2] != "yes" || f[4] != "" {
		s.Errorf("folder, HOME, grant, files, secret: %q; %s", f, s.text(p, "stderr"))
	}
	if info, err := os.Stat(spec.Dir); err != nil || info.Mode().Perm()&0o077 != 0 {
		s.Errorf("slot folder: %v, %v", info, err)
	}
	s.release(p)
}

// A reader that is slow holds the program up, not the memory, and misses
// nothing.
func testSlowReader(s *suite) {
	const lines = 1_500_000 // of 70 bytes
	spec := s.spec("lines", "0", strconv.Itoa(lines))
	spec.LogLimit = 4 << 20
	p := s.startSpec(spec)
	r := p.Log("stdout").NewReader(0, true)
	defer r.Close()
	in := bufio.NewReaderSize(reader{s.Context(), r}, 64<<10)
	for n := range lines {
		text, err := in.ReadString('\n')
		if err != nil {
			s.Fatalf("line %d: %v", n, err)
		}
		if want := fmt.Sprintf("line %09d", n); text[:min(len(text), len(want))] != want {
			s.Fatalf("line %d is %q", n, text)
		}
		if n%200_000 == 0 {
			time.Sleep(20 * time.Millisecond) // this is the slowness
		}
	}
	if r.Skipped() != 0 {
		s.Errorf("%d bytes were skipped", r.Skipped())
	}
	s.end(p, 0)
}

func testKill(s *suite) {
	p := s.start("spin")
	s.line(p)
	began := time.Now()
	if err := p.Kill(); err != nil {
		s.Fatal(err)
	}
	exit := s.wait(p)
	if took := time.Since(began); exit.Code != 137 || exit.Signal != "SIGKILL" || took > time.Second {
		s.Errorf("exit %+v after %v", exit, took)
	}
	if err := p.Kill(); err != nil {
		s.Errorf("kill of an ended process: %v", err)
	}
	s.release(p)
	select {
	case <-p.Session().Connected():
	default:
		s.Error("the runner never connected")
	}
}

func testKillTree(s *suite) {
	if !s.Trees {
		s.Skip("best effort here")
	}
	p := s.start("tree")
	pid := s.pid(p)
	if err := p.Kill(); err != nil {
		s.Fatal(err)
	}
	if exit := s.wait(p); exit.Code != 137 {
		s.Errorf("exit %+v", exit)
	}
	if alive(pid) {
		s.Error("a grandchild is alive after Wait")
	}
	s.release(p)
}

func testExitEndsTree(s *suite) {
	if !s.Trees {
		s.Skip("best effort here")
	}
	p := s.start("tree")
	pid := s.pid(p)
	s.say(p, "7")
	if exit := s.wait(p); exit.Code != 7 {
		s.Errorf("exit %+v", exit)
	}
	if alive(pid) {
		s.Error("a grandchild is alive after Wait")
	}
	s.release(p)
}

// pid is the number on the first line of stdout.
func (s *suite) pid(p runtime.Process) int {
	s.Helper()
	pid, err := strconv.Atoi(s.line(p))
	if err != nil {
		s.Fatal(err)
	}
	return pid
}

func testRestart(s *suite) {
	spec := s.spec("exit", "1")
	s.end(s.startSpec(spec), 1)
	if err := os.WriteFile(spec.Dir+"/kept", []byte("x"), 0o600); err != nil {
		s.Fatal(err)
	}
	p := s.startSpec(spec)
	s.wait(p)
	if got := s.text(p, "stdout"); got != "to stdout\nto stdout\n" {
		s.Errorf("the log does not go on: %q", got)
	}
	if _, err := os.Stat(spec.Dir + "/kept"); err != nil {
		s.Errorf("a restart has lost a file: %v", err)
	}
	s.release(p)
}

func testLimits(s *suite) {
	if s.Limits.Files {
		spec := s.spec("where")
		spec.Limits.Files = 77
		p := s.startSpec(spec)
		s.wait(p)
		if f := strings.Split(s.text(p, "stdout"), "\n"); len(f) < 4 || f[3] != "77" {
			s.Errorf("file limit is %q", f)
		}
		s.applied(p, "77")
		s.release(p)
	}
	if s.Limits.PIDs {
		spec := s.spec("forks", "40")
		spec.Limits = waverider.Limits{PIDs: 30}
		p := s.startSpec(spec)
		s.wait(p)
		if n, err := strconv.Atoi(strings.TrimSpace(s.text(p, "stdout"))); err != nil || n >= 30 {
			s.Errorf("%d processes started under a limit of 30, %v", n, err)
		}
		s.applied(p, "30")
		s.release(p)
	}
	if s.Limits.Memory {
		spec := s.spec("hog")
		spec.Limits = waverider.Limits{Memory: 64}
		p := s.startSpec(spec)
		if exit := s.wait(p); exit.Code != 137 {
			s.Errorf("a program that takes 4 GB of 64 MB ended with %+v", exit)
		}
		s.applied(p, "64")
		s.release(p)
	}
}

func (s *suite) applied(p runtime.Process, word string) {
	s.Helper()
	a := p.Applied()
	if !strings.Contains(strings.Join(a.Layers, ", "), word) || strings.Contains(strings.Join(a.Missing, ", "), word) {
		s.Errorf("want %s in what is applied: %+v", word, a)
	}
}

func testUsage(s *suite) {
	p := s.start("spin")
	s.line(p)
	s.eventually("usage of a busy loop", func() bool {
		u, err := p.Usage()
		if err != nil {
			s.Fatal(err)
		}
		return u.Memory > 1<<20 && u.CPU > 20*time.Millisecond && u.Processes >= 1 && alive(u.PID)
	})
	p.Kill()
	s.wait(p)
	if _, err := p.Usage(); err == nil {
		s.Error("an ended process has usage")
	}
	s.release(p)
}

// What a program does to its folder is its own affair: what it said is kept.
func testOwnFolderRemoved(s *suite) {
	spec := s.spec("tidy")
	p := s.startSpec(spec)
	s.wait(p)
	s.release(p)
	l, err := logfile.Open(spec.Logs, "stdout", 0)
	if err != nil {
		s.Fatal(err)
	}
	defer l.Close()
	l.Finish()
	r := l.NewReader(0, false)
	defer r.Close()
	if text, err := io.ReadAll(reader{s.Context(), r}); err != nil || string(text) != "before\nafter\n" {
		s.Errorf("stdout %q, %v", text, err)
	}
}

func testBadStarts(s *suite) {
	spec := s.spec("exit", "0")
	spec.Language = "cobol"
	if _, err := s.Runtime.Start(s.Context(), spec); err == nil {
		s.Error("a language nobody speaks was started")
	}
	spec = s.spec("exit", "0")
	spec.Dir = "/dev/null/slot"
	if _, err := s.Runtime.Start(s.Context(), spec); err == nil {
		s.Error("a slot below a file was made")
	}
	ctx, cancel := context.WithCancel(s.Context())
	cancel()
	spec = s.spec("exit", "0")
	if p, err := s.Runtime.Start(ctx, spec); err == nil {
		s.wait(p)
		s.release(p)
		s.Error("a cancelled start succeeded")
	} else if _, err := os.Stat(spec.Dir); !errors.Is(err, os.ErrNotExist) {
		s.Errorf("a failed start has left its slot: %v", err)
	}
}

// Many at once, and all of their own.
func testMany(s *suite) {
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			spec := s.spec("exit", strconv.Itoa(i))
			p, err := s.Runtime.Start(s.Context(), spec)
			if err != nil {
				s.Errorf("start %d: %v", i, err)
				return
			}
			if exit, err := p.Wait(s.Context()); err != nil || exit.Code != i {
				s.Errorf("exit %+v, %v; want %d", exit, err, i)
			}
			if err := p.Release(); err != nil {
				s.Error(err)
			}
		})
	}
	wg.Wait()
}
