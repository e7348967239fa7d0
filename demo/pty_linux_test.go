package demo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"waverider/internal/testbin"
)

// pty opens a terminal of the usual size: what is typed and seen, and the end
// that a program has.
func pty(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = user.Close() })
	raw, err := user.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	number := 0
	var failed error
	err = raw.Control(func(fd uintptr) {
		if number, failed = unix.IoctlGetInt(int(fd), unix.TIOCGPTN); failed != nil {
			return
		}
		failed = errors.Join(unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0),
			unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	})
	if err := errors.Join(err, failed); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return user, program
}

// inTerminal runs the demo in a terminal of its own until the test ends. strike
// types; ended has what came of it.
func inTerminal(t *testing.T) (terminal *os.File, out *screen, strike func(string), ended <-chan error) {
	t.Helper()
	binary := testbin.WithNode(t)
	user, terminal := pty(t)
	cmd := exec.Command(binary, "demo", "--load=false")
	cmd.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out = &screen{}
	end, seen := make(chan error, 1), make(chan struct{})
	go func() { end <- cmd.Wait() }()
	go func() {
		defer close(seen)
		_, _ = io.Copy(out, user) // until the test closes it
	}()
	limit := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		limit.Stop()
		_ = cmd.Process.Kill() // it has ended, unless the test failed
		_ = user.Close()
		<-seen
	})
	return terminal, out, func(keys string) {
		t.Helper()
		if _, err := io.WriteString(user, keys); err != nil {
			t.Fatal(err)
		}
	}, end
}

// modes are the settings of a terminal.
func modes(t *testing.T, terminal *os.File) unix.Termios {
	t.Helper()
	m, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return *m
}

func TestKeysOfATerminal(t *testing.T) {
	terminal, out, strike, ended := inTerminal(t)
	before := modes(t, terminal)
	see(t, out, ended, "l cuts the Link of edge", `computed +[1-9]`)
	strike("\x1b[A") // an arrow is no key of ours
	strike("l")
	see(t, out, ended, "edge CUT", "l heals the Link of edge", "edge has lost the Space", `waiting +[1-9]`)
	strike("l")
	see(t, out, ended, "edge has the Space again", "waited on edge went to the Space")
	strike("m")
	see(t, out, ended, "kill -9 [0-9]+: machine-figures", "machine-figures was killed and is started again")
	strike("q")
	if err := <-ended; err != nil {
		t.Fatalf("it ended with %v:\n%s", err, out)
	}
	<-out.shows(outcome)
	if after := modes(t, terminal); after != before {
		t.Errorf("the terminal is left as %+v, was %+v", after, before)
	}
}

func TestCtrlCEndsAtOnce(t *testing.T) {
	terminal, out, strike, ended := inTerminal(t)
	before := modes(t, terminal)
	see(t, out, ended, "l cuts the Link of edge", `computed +[1-9]`)
	strike("l\x03")
	if err := <-ended; err != nil {
		t.Fatalf("it ended with %v:\n%s", err, out)
	}
	<-out.shows(regexp.MustCompile("are gone"))
	if after := modes(t, terminal); after != before {
		t.Errorf("the terminal is left as %+v, was %+v", after, before)
	}
}
