package keeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	socketName = "keeper.sock"
	lockName   = "keeper.lock"
)

// reach connects to the keeper of cfg.Dir and starts one when there is none.
// started is the new keeper, a child of this process.
func reach(ctx context.Context, cfg *Config) (c *conn, started *os.Process, err error) {
	if err := os.MkdirAll(cfg.run(), 0o700); err != nil {
		return nil, nil, err
	}
	lock, err := os.OpenFile(filepath.Join(cfg.run(), lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, nil, err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
		if started, err = launch(cfg, lock); err != nil {
			return nil, nil, err
		}
	} else if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, nil, fmt.Errorf("lock: %w", err)
	}
	socket, err := dial(ctx, cfg.run())
	if err != nil {
		return nil, started, err
	}
	return newConn(socket), started, nil
}

// launch starts a keeper that inherits the lock and the socket, which takes
// connections from now on.
func launch(cfg *Config, lock *os.File) (*os.Process, error) {
	listener, err := listen(cfg.run())
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	log, err := os.OpenFile(filepath.Join(cfg.run(), "keeper.log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	// The keeper outlives us: what we were started with must not live on in it,
	// or whoever waits for its end waits for ever.
	if err := closeOnExec(3); err != nil {
		return nil, err
	}
	binary := cfg.Executable
	if binary == "" {
		if binary, err = os.Executable(); err != nil {
			return nil, err
		}
		if _, err := os.Stat(binary); err != nil {
			binary = "/proc/self/exe" // replaced on disk since we started
		}
	}
	p, err := os.StartProcess(binary, []string{"waverider", Command, cfg.Dir}, &os.ProcAttr{
		Dir: "/", Env: runtimeEnv(),
		Files: []*os.File{null, null, log, socket, lock}, // stderr: a crash is worth reading
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("start keeper: %w", err)
	}
	return p, nil
}

// runtimeEnv is what of our environment a helper gets: settings of the Go
// runtime, nothing that could be a secret.
func runtimeEnv() []string {
	env := []string{}
	for _, name := range []string{"GODEBUG", "GORACE", "GOTRACEBACK"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// short is a name of dir that fits into a socket address, however deep dir is.
func short(dir string) (path string, done func(), err error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), func() { unix.Close(fd) }, nil
}

func listen(dir string) (*net.UnixListener, error) {
	base, done, err := short(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	path := filepath.Join(base, socketName)
	os.Remove(path)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

func dial(ctx context.Context, dir string) (*net.UnixConn, error) {
	base, done, err := short(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: 5 * time.Second}
	c, err := d.DialContext(ctx, "unix", filepath.Join(base, socketName))
	if err != nil {
		return nil, err
	}
	return c.(*net.UnixConn), nil
}
