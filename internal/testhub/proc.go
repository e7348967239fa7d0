package testhub

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Proc is one process as /proc shows it.
type Proc struct {
	PID, Parent int
	State       byte   // R, S, D, Z, …
	Started     uint64 // clock ticks since boot; with PID it names a process for ever
	Args        []string
}

// Alive reports whether the same process still exists and is no zombie.
func (p Proc) Alive() bool {
	now, err := Look(p.PID)
	return err == nil && now.Started == p.Started && now.State != 'Z'
}

// Look reads one process.
func Look(pid int) (Proc, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if err != nil {
		return Proc{}, err
	}
	// The name in brackets may hold anything, so count from its end.
	rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(rest) < 20 {
		return Proc{}, fmt.Errorf("stat of %d: unexpected form", pid)
	}
	p := Proc{PID: pid, State: rest[0][0]}
	p.Parent, _ = strconv.Atoi(rest[1])
	p.Started, _ = strconv.ParseUint(rest[19], 10, 64)
	args, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	p.Args = strings.Split(strings.TrimRight(string(args), "\x00"), "\x00")
	return p, err
}

// Processes lists all there are.
func Processes() ([]Proc, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var list []Proc
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, err := Look(pid); err == nil { // else it has ended meanwhile
			list = append(list, p)
		}
	}
	return list, nil
}

// Tree lists pid and all its descendants that are no zombies.
func Tree(pid int) ([]Proc, error) {
	all, err := Processes()
	if err != nil {
		return nil, err
	}
	return treeOf(all, pid), nil
}

func treeOf(all []Proc, root int) []Proc {
	children := map[int][]Proc{}
	var found []Proc
	for _, p := range all {
		children[p.Parent] = append(children[p.Parent], p)
		if p.PID == root {
			found = append(found, p)
		}
	}
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i].PID]...)
	}
	live := found[:0]
	for _, p := range found {
		if p.State != 'Z' {
			live = append(live, p)
		}
	}
	return live
}

// Keeper is the pid of the process that holds this Hub's Instances.
func (h *Hub) Keeper() (int, error) {
	all, err := Processes()
	if err != nil {
		return 0, err
	}
	for _, p := range all {
		if p.State != 'Z' && isKeeper(p, h.opt.DataDir) {
			return p.PID, nil
		}
	}
	return 0, errors.New("this Hub has no keeper")
}

func isKeeper(p Proc, dataDir string) bool {
	if len(p.Args) < 3 || p.Args[1] != "__keeper" {
		return false
	}
	for _, a := range p.Args[2:] {
		if a == dataDir || strings.HasPrefix(a, dataDir+"/") {
			return true
		}
	}
	return false
}

// IsWarden tells the process that watches a keeper: it is below the keeper, but
// belongs to no Instance.
func (p Proc) IsWarden() bool { return len(p.Args) > 1 && p.Args[1] == "__warden" }

// Family lists the pids of the role, its keeper if it has one, and everything
// below them.
func (r *Role) Family() []int {
	all, err := Processes()
	if err != nil {
		return nil
	}
	roots := []int{r.PID()}
	for _, p := range all {
		if isKeeper(p, r.opt.DataDir) {
			roots = append(roots, p.PID)
		}
	}
	seen := map[int]bool{}
	var pids []int
	for _, root := range roots {
		for _, p := range treeOf(all, root) {
			if root != 0 && !seen[p.PID] {
				seen[p.PID] = true
				pids = append(pids, p.PID)
			}
		}
	}
	return pids
}

// PSS is the proportional share of memory in bytes: shared pages count as
// their part.
func PSS(pids ...int) (int64, error) { return memory("Pss:", pids) }

// RSS counts shared pages in full for each process.
func RSS(pids ...int) (int64, error) { return memory("Rss:", pids) }

func memory(kind string, pids []int) (total int64, err error) {
	for _, pid := range pids {
		n, err := memoryOf(kind, pid)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func memoryOf(kind string, pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), kind); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(text, "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("smaps_rollup of %d: no %s", pid, kind)
}

// CPUTicks is the processor time that processes have used so far, in clock
// ticks. Those that have ended count nothing.
func CPUTicks(pids ...int) (ticks uint64) {
	for _, pid := range pids {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		rest := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		for _, field := range rest[min(11, len(rest)):min(13, len(rest))] {
			n, _ := strconv.ParseUint(field, 10, 64) // the kernel writes numbers
			ticks += n
		}
	}
	return ticks
}

// OpenFiles counts the open files of a process.
func OpenFiles(pid int) (int, error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	return len(entries), err
}

// Sockets counts the named Unix sockets below a folder that a process has open.
func Sockets(dir string) (int, error) {
	text, err := os.ReadFile("/proc/net/unix")
	return bytes.Count(text, []byte(" "+dir+"/")), err
}

// Files counts the files of every kind below a folder.
func Files(dir string) (n int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // removed while we walk
		}
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	return n, err
}
