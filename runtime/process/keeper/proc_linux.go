package keeper

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// process is one line of /proc/PID/stat.
type process struct {
	pid, parent, group, session int
	state                       byte
	cpu                         time.Duration
	start                       uint64 // clock ticks since boot
	rss                         int64  // bytes
}

// clockTick is the unit of /proc times: USER_HZ, 100 on every Linux that Go
// runs on.
const clockTick = time.Second / 100

func statProcess(pid int) (process, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return process{}, err
	}
	// The name in parentheses may hold anything, parentheses too.
	after := bytes.LastIndexByte(text, ')')
	if after < 0 {
		return process{}, errors.New("malformed /proc stat")
	}
	f := strings.Fields(string(text[after+1:]))
	if len(f) < 22 {
		return process{}, errors.New("malformed /proc stat")
	}
	num := func(i int) int64 { n, _ := strconv.ParseInt(f[i], 10, 64); return n }
	return process{
		pid: pid, state: f[0][0],
		parent: int(num(1)), group: int(num(2)), session: int(num(3)),
		cpu:   time.Duration(num(11)+num(12)) * clockTick,
		start: uint64(num(19)),
		rss:   num(21) * int64(os.Getpagesize()),
	}, nil
}

// ended tells whether the process that was pid since started has ended, with
// all its threads: a zombie's other threads may still be at work, and a pid
// namespace goes with the last one.
func ended(pid int, started uint64) bool {
	p, err := statProcess(pid)
	if err != nil || p.start != started {
		return true
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH) || p.state == 'Z' || p.state == 'X'
	}
	defer unix.Close(fd)
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return n > 0
}

// processes lists all that /proc shows.
func processes() []process {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var all []process
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if p, err := statProcess(pid); err == nil {
				all = append(all, p)
			}
		}
	}
	return all
}

// Program is the process that runs the program of c: c itself, or where that is
// the first process of a namespace, the oldest of its children.
func Program(c Child) int {
	if c.Tree.Kind != PIDNamespace {
		return c.PID
	}
	var oldest process
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.PID))
	for _, list := range lists {
		text, _ := os.ReadFile(list) // of a thread that may be gone
		for _, f := range strings.Fields(string(text)) {
			pid, _ := strconv.Atoi(f) // the kernel writes numbers
			p, err := statProcess(pid)
			if err == nil && (oldest.pid == 0 || p.start < oldest.start || p.start == oldest.start && pid < oldest.pid) {
				oldest = p
			}
		}
	}
	if oldest.pid == 0 {
		return c.PID
	}
	return oldest.pid
}

// Usage is what a child's tree uses now. CPU of ended processes counts only
// with cgroup v2.
func Usage(c Child) (memory int64, cpu time.Duration, pids []int, err error) {
	if c.Tree.Dir != "" {
		pids = cgroupProcs(c.Tree.Dir)
	} else {
		pids = closure(processes(), map[int]bool{c.PID: true})
	}
	for _, pid := range pids {
		if p, err := statProcess(pid); err == nil {
			memory += p.rss
			cpu += p.cpu
		}
	}
	if len(pids) == 0 {
		return 0, 0, nil, fmt.Errorf("usage of child %s: %w", c.ID, os.ErrProcessDone)
	}
	if total, ok := cgroupCPU(c.Tree); ok {
		cpu = total
	}
	return memory, cpu, pids, nil
}

func cgroupCPU(t Tree) (time.Duration, bool) {
	if t.Kind != Cgroup2 {
		return 0, false
	}
	text, err := os.ReadFile(filepath.Join(t.Dir, "cpu.stat"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if us, ok := strings.CutPrefix(strings.TrimSpace(line), "usage_usec "); ok {
			n, err := strconv.ParseInt(us, 10, 64)
			return time.Duration(n) * time.Microsecond, err == nil
		}
	}
	return 0, false
}

// BootID changes with every start of the machine.
func BootID() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text))
}
