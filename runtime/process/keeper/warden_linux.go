package keeper

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the keeper hands to its warden.
const (
	fdWatched    = 3 // read end; hangs up when the keeper is dead
	fdWardenLock = 4 // the keeper's lock: nobody starts another while we clean
)

const wardenPause = time.Second // between two wardens that died

// estate is what a warden must know to end all that a dead keeper left.
type estate struct {
	Dir  string            `json:"dir"` // data folder, for who reads a process list
	Mark string            `json:"mark"`
	V2   string            `json:"v2,omitempty"`
	V1   map[string]string `json:"v1,omitempty"`
}

// WardenMain waits for the end of the keeper and then ends what is left of its
// programs. A Hub does that too, but it may have been killed along with the
// keeper: the kernel ends the programs then, not the children that got away
// from them.
func WardenMain(args []string) int {
	var e estate
	if len(args) != 1 || json.Unmarshal([]byte(args[0]), &e) != nil || !outlived(fdWatched) {
		fmt.Fprintln(os.Stderr, "this command is for the keeper only")
		return 2
	}
	g := grounds{mark: e.Mark, v2: e.V2, v1: e.V1}
	if err := g.clean(cleanTime); err != nil {
		fmt.Fprintln(os.Stderr, "left by a dead keeper:", err)
		return 1
	}
	g.release()
	return 0
}

// outlived returns when nobody has the other end of the pipe fd any more. It is
// false when fd is no such thing.
func outlived(fd int) bool {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP) // the keeper ends us
	poll := []unix.PollFd{{Fd: int32(fd)}}
	for {
		if _, err := unix.Poll(poll, -1); err != unix.EINTR {
			return err == nil && poll[0].Revents&unix.POLLHUP != 0
		}
	}
}

// unwatched tells that there are programs whose children would outlive us, and
// no warden.
func (k *server) unwatched() bool {
	if k.warden != 0 {
		return false
	}
	for _, c := range k.children {
		if c.Exit == nil && c.Tree.Kind != PIDNamespace { // that one the kernel ends
			return true
		}
	}
	return false
}

// watch starts a warden when one is needed.
func (k *server) watch() {
	if !k.unwatched() || time.Since(k.wardenStarted) < wardenPause {
		return
	}
	k.wardenStarted = time.Now()
	text, err := json.Marshal(estate{Dir: k.dir, Mark: k.grounds.mark, V2: k.grounds.v2, V1: k.grounds.v1})
	if err == nil {
		k.warden, err = syscall.ForkExec("/proc/self/exe", []string{"waverider", WardenCommand, string(text)}, &syscall.ProcAttr{
			Dir: "/", Env: append(runtimeEnv(), "GOMAXPROCS=1"),
			Files: []uintptr{0, 1, 2, uintptr(k.alive), fdLock},
			Sys:   &syscall.SysProcAttr{Setsid: true},
		})
	}
	if err != nil {
		k.warden = 0
		k.log.Warn("no warden: when Hub and keeper are killed, children of programs stay until the next Hub", "err", err)
	}
}

// dismiss ends the warden: there is nothing left to watch.
func (k *server) dismiss() {
	if k.warden == 0 {
		return
	}
	syscall.Kill(k.warden, syscall.SIGKILL)
	for {
		if _, err := syscall.Wait4(k.warden, nil, 0, nil); err != syscall.EINTR {
			break
		}
	}
	k.warden = 0
}
