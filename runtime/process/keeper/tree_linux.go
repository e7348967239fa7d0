package keeper

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// join lists the files a process writes "0" to, to become part of t.
func (t Tree) join() []string {
	var files []string
	for _, dir := range t.dirs() {
		files = append(files, filepath.Join(dir, "cgroup.procs"))
	}
	return files
}

// dirs lists the cgroups of t, each once.
func (t Tree) dirs() []string {
	var dirs []string
	if t.Dir != "" {
		dirs = append(dirs, t.Dir)
	}
	for _, dir := range t.Limits {
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// kill sends SIGKILL to all of the tree; pid is its first process, 0 when that
// was reaped. Processes may be born meanwhile: repeat until empty.
func (t Tree) kill(pid int) {
	if pid > 0 {
		syscall.Kill(pid, syscall.SIGKILL) // it may not have joined yet
	}
	switch t.Kind {
	case Cgroup2:
		if os.WriteFile(filepath.Join(t.Dir, "cgroup.kill"), []byte("1"), 0) == nil {
			return
		}
		killAll(cgroupProcs(t.Dir)) // before Linux 5.14
	case Cgroup1:
		// Nobody in it can fork any more, so that one pass gets everyone.
		os.WriteFile(filepath.Join(t.Dir, "pids.max"), []byte("0"), 0)
		killAll(cgroupProcs(t.Dir))
	case PIDNamespace: // has ended with its first process
	default:
		if pid > 0 {
			syscall.Kill(-pid, syscall.SIGKILL)
		}
		killAll(t.sweep(pid))
	}
}

// empty tells whether no process of the tree lives. gone says that its first
// process was reaped.
func (t Tree) empty(gone bool) bool {
	switch t.Kind {
	case Cgroup2, Cgroup1:
		return gone && len(cgroupProcs(t.Dir)) == 0
	case PIDNamespace:
		return gone // the kernel ends a namespace before its first process
	default:
		return gone && len(t.sweep(0)) == 0
	}
}

// remove deletes the cgroups of an empty tree. EBUSY passes by itself when the
// kernel has let go of the last process.
func (t Tree) remove() error {
	var errs []error
	for _, dir := range t.dirs() {
		errs = append(errs, removeCgroup(dir))
	}
	return errors.Join(errs...)
}

// removeCgroup deletes a cgroup and those that its processes have made in it.
func removeCgroup(dir string) error {
	for _, sub := range subgroups(dir) {
		if err := removeCgroup(sub); err != nil {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func subgroups(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var subs []string
	for _, e := range entries {
		if e.IsDir() {
			subs = append(subs, filepath.Join(dir, e.Name()))
		}
	}
	return subs
}

// sweep finds living processes that belong to the tree by group, session,
// parent or environment. One that hides all four is missed.
func (t Tree) sweep(pid int) []int {
	all := processes()
	in := map[int]bool{}
	mark := []byte(markVariable + "=" + t.Mark + "\x00")
	for _, p := range all {
		if pid > 0 && (p.pid == pid || p.group == pid || p.session == pid) || t.Mark != "" && hasMark(p.pid, mark) {
			in[p.pid] = true
		}
	}
	return closure(all, in)
}

// closure adds all descendants of in, and lists who is alive.
func closure(all []process, in map[int]bool) []int {
	for grown := true; grown; {
		grown = false
		for _, p := range all {
			if in[p.parent] && !in[p.pid] {
				in[p.pid], grown = true, true
			}
		}
	}
	var pids []int
	for _, p := range all {
		if in[p.pid] && p.state != 'Z' && p.state != 'X' {
			pids = append(pids, p.pid)
		}
	}
	return pids
}

// hasMark looks for mark in the environment of a process. In the middle of an exec a
// process has none for an instant; were it taken at its word, it would be left
// behind. One that keeps having none has hidden it.
func hasMark(pid int, mark []byte) bool {
	const (
		kernelThreads = 2 // their parent; they have no environment
		looks         = 20
	)
	for range looks {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			return false
		}
		if len(env) > 0 {
			return bytes.Contains(append(env, 0), mark)
		}
		p, err := statProcess(pid)
		if err != nil || p.state == 'Z' || p.state == 'X' || p.parent == kernelThreads || p.parent == 0 {
			return false
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

func killAll(pids []int) {
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// cgroupProcs lists the processes of a cgroup and of those below it.
func cgroupProcs(dir string) []int {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(text)) {
		if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	for _, sub := range subgroups(dir) {
		pids = append(pids, cgroupProcs(sub)...)
	}
	return pids
}

// EndTree ends what is left of a child whose keeper is dead, and returns when
// it is gone.
func EndTree(ctx context.Context, c Child) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		first := c.PID
		if ended(c.PID, c.Started) {
			first = 0
		}
		c.Tree.kill(first)
		if c.Tree.empty(ended(c.PID, c.Started)) && c.Tree.remove() == nil {
			return nil
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
		}
	}
}
