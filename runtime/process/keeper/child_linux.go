package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// child is a program and the keeper's ends of its pipes.
type child struct {
	Child
	fds     map[string]int // by the names in fileNames; what is closed is absent
	status  int            // read end of fdStatus, -1 without
	reaped  bool           // the first process is gone; the tree may not be
	result  syscall.WaitStatus
	dropped bool      // nobody will ask how it ended
	doomed  time.Time // since when it is being killed
}

// fileNames is the order in which a child's files are handed out.
var fileNames = []string{"stdin", "stdout", "stderr", "log"}

// spawn starts spec. Only the keeper's main goroutine may call it: the
// parent-death signal follows the forking thread, not the process.
func (k *server) spawn(spec *Spec) (c *child, report Report, reportFD int, err error) {
	for {
		var tree Tree
		tree, report, err = k.grounds.make(spec.ID, spec.Limits, !spec.Assigned)
		if err == nil {
			c, reportFD, err = k.fork(spec, tree)
			if err == nil {
				return c, report, reportFD, nil
			}
			tree.remove()
		}
		if !refused(err) || !k.grounds.fallBack(tree.Kind) {
			return nil, Report{}, -1, err
		}
		k.log.Warn("another way to hold process trees together is used", "not", tree.Kind, "err", err)
	}
}

// refused tells an error of the machine's rules from one of the moment.
func refused(err error) bool {
	for _, e := range []error{syscall.EPERM, syscall.EACCES, syscall.EINVAL, syscall.ENOSYS, syscall.EROFS, syscall.ENOSPC, syscall.EUSERS} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (k *server) fork(spec *Spec, tree Tree) (c *child, reportFD int, err error) {
	c = &child{
		Child:  Child{ID: spec.ID, Label: spec.Label, Tree: tree, Assigned: spec.Assigned},
		fds:    map[string]int{},
		status: -1,
	}
	reportFD = -1
	theirs := make([]int, 0, fdStatus+1)
	defer func() {
		closeAll(theirs)
		if err != nil {
			c.closeFiles()
			closeAll([]int{reportFD})
			reportFD = -1
		}
	}()
	for i, name := range fileNames {
		r, w, err := pipe()
		if err != nil {
			return nil, -1, err
		}
		if i == 0 {
			r, w = w, r
		}
		c.fds[name] = r
		theirs = append(theirs, w)
	}
	config, err := configFile(spec, tree)
	if err != nil {
		return nil, -1, err
	}
	theirs = append(theirs, config)
	reportR, reportW, err := pipe()
	if err != nil {
		return nil, -1, err
	}
	reportFD = reportR
	alive, err := unix.FcntlInt(uintptr(k.alive), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		syscall.Close(reportW)
		return nil, -1, err
	}
	theirs = append(theirs, reportW, alive)
	if tree.Kind == PIDNamespace {
		r, w, err := pipe()
		if err != nil {
			return nil, -1, err
		}
		c.status = r
		theirs = append(theirs, w)
	}
	return c, reportFD, c.exec(theirs)
}

func (c *child) exec(fds []int) error {
	attr := &syscall.ProcAttr{
		Env: append(runtimeEnv(), "GOMAXPROCS=1"), // __init's own; the program gets Spec.Env
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	}
	for _, fd := range fds {
		attr.Files = append(attr.Files, uintptr(fd))
	}
	if c.Tree.Kind == PIDNamespace {
		attr.Sys.Cloneflags = syscall.CLONE_NEWPID
		if uid := os.Geteuid(); uid != 0 {
			attr.Sys.Cloneflags |= syscall.CLONE_NEWUSER
			attr.Sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
			attr.Sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		}
	}
	pid, err := c.fork(attr)
	if err != nil {
		return fmt.Errorf("fork: %w", err)
	}
	c.PID = pid
	if p, err := statProcess(pid); err == nil {
		c.Started = p.start
	}
	return nil
}

// fork starts __init in its cgroup, where the kernel can do that: moving a
// process there afterwards takes it some 10 ms.
func (c *child) fork(attr *syscall.ProcAttr) (int, error) {
	// The path follows the keeper's own file even when it was replaced on
	// disk, so that both ends of initConfig are of one version.
	path, args := "/proc/self/exe", []string{"waverider", InitCommand}
	if c.Tree.Kind == Cgroup2 {
		if fd, err := syscall.Open(c.Tree.Dir, syscall.O_RDONLY|syscall.O_DIRECTORY|syscall.O_CLOEXEC, 0); err == nil {
			attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = true, fd
			pid, err := syscall.ForkExec(path, args, attr)
			syscall.Close(fd)
			if err == nil {
				return pid, nil
			}
			attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = false, 0
		}
	}
	return syscall.ForkExec(path, args, attr)
}

func pipe() (r, w int, err error) {
	var p [2]int
	if err := syscall.Pipe2(p[:], syscall.O_CLOEXEC); err != nil {
		return -1, -1, fmt.Errorf("pipe: %w", err)
	}
	return p[0], p[1], nil
}

// configFile holds the configuration in memory: it may have secrets.
func configFile(spec *Spec, tree Tree) (int, error) {
	born := ""
	if tree.Kind == Cgroup2 {
		born = tree.Dir
	}
	body, err := json.Marshal(initConfig{
		Argv: spec.Argv, Env: append(spec.Env, markVariable+"="+tree.Mark), Dir: spec.Dir,
		Join: tree.join(), Born: born, Files: spec.Limits.Files, First: tree.Kind == PIDNamespace,
	})
	if err != nil {
		return -1, err
	}
	fd, err := unix.MemfdCreate("init", unix.MFD_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("memfd: %w", err)
	}
	for off := 0; off < len(body); {
		n, err := unix.Pwrite(fd, body[off:], int64(off))
		if err != nil {
			syscall.Close(fd)
			return -1, fmt.Errorf("memfd: %w", err)
		}
		off += n
	}
	return fd, nil
}

// exit is how c ended; its first process was reaped.
func (c *child) exit() Exit {
	status := c.result
	if c.status >= 0 {
		var b [16]byte
		if n, err := syscall.Read(c.status, b[:]); err == nil && n > 0 {
			if v, err := strconv.Atoi(strings.TrimSpace(string(b[:n]))); err == nil {
				status = syscall.WaitStatus(v)
			}
		}
	}
	if status.Signaled() {
		return Exit{Code: 128 + int(status.Signal()), Signal: signalName(status.Signal())}
	}
	return Exit{Code: status.ExitStatus()}
}

func (c *child) closeFile(name string) {
	if fd, ok := c.fds[name]; ok {
		syscall.Close(fd)
		delete(c.fds, name)
	}
}

func (c *child) closeFiles() {
	for _, name := range fileNames {
		c.closeFile(name)
	}
	if c.status >= 0 {
		syscall.Close(c.status)
		c.status = -1
	}
}
