package keeper

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors an __init gets. The first four become the program's.
const (
	fdLog    = 3
	fdConfig = 4 // initConfig; not in the arguments, which everybody can read
	fdReport = 5 // a Report; ends when the program runs
	fdAlive  = 6 // read end; hangs up when the keeper is dead
	fdStatus = 7 // first process of a namespace only: the program's wait status
)

// initConfig is what becomes of an __init.
type initConfig struct {
	Argv  []string
	Env   []string
	Dir   string
	Join  []string // cgroup.procs files
	Born  string   // folder of the cgroup v2 that it may have been started in
	Files int      // open files per process, 0: as many as there are
	First bool     // it is the first process of a pid namespace
}

// exitInit is the exit code when the program could not be started. The
// report says why.
const exitInit = 20

// InitMain shuts this process in and becomes the program. It returns only
// when that fails.
func InitMain([]string) int {
	// Parent-death signal and no-new-privileges belong to a thread, and the
	// thread that calls execve is the one that is left.
	runtime.LockOSThread()
	report := os.NewFile(fdReport, "report")
	if report == nil || unix.SetNonblock(fdReport, false) != nil {
		fmt.Fprintln(os.Stderr, "this command is for the keeper only")
		return exitInit
	}
	var cfg initConfig
	var r Report
	err := json.NewDecoder(os.NewFile(fdConfig, "config")).Decode(&cfg)
	if err == nil {
		err = become(&cfg, &r, report)
	}
	r.Error = "start of a program: " + err.Error()
	json.NewEncoder(report).Encode(r)
	return exitInit
}

// become applies the layers, the outermost first, and starts the program.
func become(cfg *initConfig, r *Report, report *os.File) error {
	if err := closeOnExec(fdLog + 1); err != nil {
		return err
	}
	if err := dieWithKeeper(); err != nil {
		return err
	}
	if bornIn(cfg.Born) {
		cfg.Join = slices.DeleteFunc(cfg.Join, func(file string) bool { return filepath.Dir(file) == cfg.Born })
	}
	for _, file := range cfg.Join {
		if err := os.WriteFile(file, []byte("0"), 0); err != nil {
			return fmt.Errorf("join cgroup: %w", err)
		}
	}
	// The program shall be out of memory before its Hub is.
	os.WriteFile("/proc/self/oom_score_adj", []byte("200"), 0)
	syscall.Umask(0o077)
	if err := limitFiles(cfg.Files, r); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		r.Missing = append(r.Missing, "no-new-privileges: "+err.Error())
	} else {
		r.Layers = append(r.Layers, "no-new-privileges")
	}
	if err := os.Chdir(cfg.Dir); err != nil {
		return err
	}
	path, err := lookPath(cfg.Argv, cfg.Env)
	if err != nil {
		return err
	}
	// The place for Landlock and then seccomp: after everything that opens
	// files or asks the kernel for more, right before the program.
	if cfg.First {
		return firstProcess(path, cfg, r, report)
	}
	if err := json.NewEncoder(report).Encode(r); err != nil {
		return err
	}
	return fmt.Errorf("%s: %w", path, syscall.Exec(path, cfg.Argv, cfg.Env))
}

// bornIn tells whether this process was started in the cgroup v2 at dir, whose
// last name is one of a kind.
func bornIn(dir string) bool {
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil || dir == "" {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if own, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
			return filepath.Base(own) == filepath.Base(dir)
		}
	}
	return false
}

// closeOnExec keeps the descriptors from first on from the next program, also
// those that this one was started with.
func closeOnExec(first uint) error {
	err := unix.CloseRange(first, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && uint(fd) >= first {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// dieWithKeeper has the kernel kill us when the keeper dies, now or later.
func dieWithKeeper() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("parent-death signal: %w", err)
	}
	poll := []unix.PollFd{{Fd: fdAlive, Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 0 {
			return errors.New("the keeper is dead")
		}
		return nil
	}
}

// limitFiles lowers limits only: raising them needs a privilege.
func limitFiles(files int, r *Report) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("core limit: %w", err)
	}
	if files <= 0 {
		return nil
	}
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	n := uint64(files)
	if n > now.Max {
		r.Missing = append(r.Missing, fmt.Sprintf("open file limit %d: this machine allows %d", files, now.Max))
		n = now.Max
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	r.Layers = append(r.Layers, fmt.Sprintf("open file limit %d", n))
	return nil
}

// firstProcess stays as the first process of a pid namespace, since the kernel
// treats that one unlike others: it reaps, passes signals on, and tells how
// the program ended. With it the kernel ends all the rest.
func firstProcess(path string, cfg *initConfig, r *Report, report *os.File) error {
	signals := make(chan os.Signal, 32)
	signal.Notify(signals)
	pid, err := syscall.ForkExec(path, cfg.Argv, &syscall.ProcAttr{
		Dir: cfg.Dir, Env: cfg.Env, Files: []uintptr{0, 1, 2, fdLog},
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := json.NewEncoder(report).Encode(r); err != nil {
		return err
	}
	report.Close()
	for fd := range fdLog + 1 {
		syscall.Close(fd) // the program alone holds its pipes
	}
	os.WriteFile("/proc/self/comm", []byte("waverider-init"), 0)
	for {
		for {
			var status syscall.WaitStatus
			got, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			if err == syscall.EINTR {
				continue
			}
			if err != nil || got <= 0 {
				break
			}
			if got == pid {
				syscall.Write(fdStatus, []byte(strconv.Itoa(int(status))))
				os.Exit(0)
			}
		}
		if sig, ok := (<-signals).(syscall.Signal); ok && sig != syscall.SIGCHLD && sig != syscall.SIGURG {
			syscall.Kill(pid, sig)
		}
	}
}
