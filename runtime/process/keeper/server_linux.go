package keeper

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	idleAfter = 10 * time.Second      // without Hub and children
	patience  = time.Second           // with a Hub that takes nothing
	sweepTick = 10 * time.Millisecond // to look again at a tree that is ending
	slowTick  = 250 * time.Millisecond
	cleanTime = 5 * time.Second
)

// What the Hub hands to a keeper that it starts.
const (
	fdListener = 3 // the socket, bound: connections wait before we are there
	fdLock     = 4 // DIR/run/keeper.lock, locked: there is one keeper
)

// server is the keeper. Its fields belong to the goroutine of run.
type server struct {
	dir         string
	log         *slog.Logger
	grounds     *grounds
	alive       int // read end of a pipe whose write end dies with us
	children    map[string]*child
	byPID       map[int]*child
	hub         *conn // who has attached, nil without
	came        int   // connections so far
	last        int   // which of them attached last
	orphanAfter time.Duration
	alone       time.Time // since when there is no Hub
	ending      bool      // kill all, then leave
	leave       *message  // reply to the shutdown request, once done
	records     *records

	warden        int // its process, 0 without
	wardenStarted time.Time

	events  chan event
	readers sync.WaitGroup
	conns   map[*conn]int // which one it was, from 1 on
}

// event is something a goroutine tells run: a new connection, a message, or
// with neither that the connection ended.
type event struct {
	from *conn
	new  bool
	msg  *message
}

// Main runs the keeper of the data folder args[0] until it is not needed.
func Main(args []string) int {
	if len(args) != 1 || !isSocket(fdListener) {
		fmt.Fprintln(os.Stderr, "this command is for the Hub only")
		return 2
	}
	// The parent-death signal of a child is tied to the thread that forked it:
	// all forks happen here, and this thread lives as long as the process.
	runtime.LockOSThread()
	logFile := newRotating(filepath.Join(args[0], "run", "keeper.log"))
	defer logFile.Close()
	log := slog.New(slog.NewTextHandler(logFile, nil))
	if err := serve(args[0], log); err != nil {
		log.Error("keeper ends", "err", err)
		return 1
	}
	return 0
}

func isSocket(fd int) bool {
	_, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil
}

func serve(dir string, log *slog.Logger) error {
	for _, fd := range []int{fdListener, fdLock} {
		unix.CloseOnExec(fd)
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("become subreaper: %w", err)
	}
	os.Chdir("/")
	syscall.Umask(0o077)
	listener, err := net.FileListener(os.NewFile(fdListener, "listener"))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	aliveR, aliveW, err := pipe()
	if err != nil {
		return err
	}
	defer closeAll([]int{aliveR, aliveW})
	k := &server{
		dir: dir, log: log, alive: aliveR,
		children: map[string]*child{}, byPID: map[int]*child{},
		orphanAfter: DefaultOrphanAfter, alone: time.Now(),
		events: make(chan event), conns: map[*conn]int{},
	}
	if k.records, err = openRecords(filepath.Join(dir, "run", "exits")); err != nil {
		return err
	}
	for _, c := range k.records.load() {
		k.children[c.ID] = &child{Child: c, status: -1}
	}
	log.Info("keeper starts", "pid", os.Getpid(), "exits", len(k.children))
	k.run(listener.(*net.UnixListener))
	log.Info("keeper ends")
	return nil
}

// run handles one event after the other, so that nothing needs a lock.
func (k *server) run(listener *net.UnixListener) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	done := make(chan struct{})
	k.readers.Go(func() { k.accept(listener, done) })
	tick := time.NewTimer(0)
	defer tick.Stop()
	for !k.finished() {
		if wait := k.wakeIn(); wait >= 0 {
			tick.Reset(wait)
		} else {
			tick.Stop()
		}
		select {
		case s := <-signals:
			if s == syscall.SIGTERM {
				k.endAll("SIGTERM")
			}
		case e := <-k.events:
			k.handle(e)
		case <-tick.C:
		}
		k.reap()
		k.settle()
		k.watch()
	}
	// The lock is ours until the process is gone, so that nobody has bound
	// the name anew; later connects fail and start another keeper.
	os.Remove(filepath.Join(k.dir, "run", socketName))
	if k.leave != nil && k.hub != nil {
		k.hub.send(k.leave, patience)
	}
	k.dismiss()
	if k.grounds != nil {
		k.grounds.release()
	}
	close(done)
	listener.Close()
	for c := range k.conns {
		c.close()
	}
	k.readers.Wait()
	signal.Stop(signals)
}

// wakeIn is how long run may sleep, negative for ever.
func (k *server) wakeIn() time.Duration {
	slow := false
	for _, c := range k.children {
		if c.Exit == nil && !c.doomed.IsZero() {
			if time.Since(c.doomed) < time.Second {
				return sweepTick
			}
			slow = true // something the kernel cannot kill now
		}
	}
	switch {
	case slow:
		return slowTick
	case k.unwatched():
		return max(0, wardenPause-time.Since(k.wardenStarted))
	case k.hub != nil:
		return -1
	case len(k.children) == 0:
		return max(0, idleAfter-time.Since(k.alone))
	}
	return max(0, k.orphanAfter-time.Since(k.alone))
}

// finished tells whether the keeper is needed no more; without a Hub for too
// long it begins to end everything.
func (k *server) finished() bool {
	if k.hub == nil && !k.ending && len(k.children) > 0 && time.Since(k.alone) >= k.orphanAfter {
		k.endAll("no Hub for " + k.orphanAfter.String())
	}
	if k.ending {
		return len(k.running()) == 0
	}
	return k.hub == nil && len(k.children) == 0 && time.Since(k.alone) >= idleAfter
}

func (k *server) running() []*child {
	var list []*child
	for _, c := range k.children {
		if c.Exit == nil {
			list = append(list, c)
		}
	}
	return list
}

func (k *server) endAll(why string) {
	if k.ending {
		return
	}
	k.ending = true
	k.log.Info("ending all children", "why", why, "children", len(k.running()))
	for _, c := range k.running() {
		k.kill(c)
	}
}

// kill ends c's tree. settle goes on with it until nothing is left.
func (k *server) kill(c *child) {
	if c.doomed.IsZero() {
		c.doomed = time.Now()
	}
	pid := c.PID
	if c.reaped {
		pid = 0
	}
	c.Tree.kill(pid)
}

// reap collects whoever has ended: children, and their orphans that the
// kernel has given to us.
func (k *server) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if pid == k.warden {
			k.warden = 0
			k.log.Warn("the warden has died", "status", status)
		}
		if c := k.byPID[pid]; c != nil {
			c.reaped, c.result = true, status
			delete(k.byPID, pid)
			k.kill(c) // the rest of its tree goes with it
		}
	}
}

// settle finishes children that are being killed once all of it is gone.
func (k *server) settle() {
	for _, c := range k.children {
		if c.doomed.IsZero() || c.Exit != nil {
			continue
		}
		if !c.Tree.empty(c.reaped) {
			k.kill(c)
			continue
		}
		if err := c.Tree.remove(); errors.Is(err, syscall.EBUSY) && time.Since(c.doomed) < cleanTime {
			continue
		} else if err != nil {
			k.log.Warn("cgroup stays", "child", c.ID, "err", err)
		}
		exit := c.exit()
		exit.At = time.Now()
		c.Exit = &exit
		if c.dropped {
			k.forget(c)
			continue
		}
		if err := k.records.write(c.Child); err != nil {
			k.log.Warn("exit is kept in memory only", "child", c.ID, "err", err)
		}
		if k.hub != nil {
			k.tell(&message{Op: noticeExit, Child: c.ID, Children: []Child{c.Child}})
		}
	}
}

func (k *server) forget(c *child) {
	c.closeFiles()
	delete(k.children, c.ID)
	if err := k.records.remove(c.ID); err != nil {
		k.log.Warn("exit record stays", "child", c.ID, "err", err)
	}
}

// tell sends to the Hub, and lets go of one that does not listen: it attaches
// again and asks.
func (k *server) tell(m *message) {
	if err := k.hub.send(m, patience); err != nil {
		k.log.Warn("Hub does not listen", "err", err)
		k.hub.close()
	}
}
