package runner

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// maxSocketPath is what every system takes: 104 bytes with the final zero on
// the BSDs, 108 on Linux.
const maxSocketPath = 103

// shortPath returns a path to the socket that the operating system takes: path
// itself, or one through a link to its folder. The link is kept in a folder in
// the temporary one that nobody but us can change.
func shortPath(path string) (string, func(), error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", nil, err
	}
	if len(abs) <= maxSocketPath {
		return abs, func() {}, nil
	}
	dir, base := filepath.Split(abs)
	private := filepath.Join(os.TempDir(), "waverider-"+strconv.Itoa(os.Getuid()))
	sum := sha256.Sum256([]byte(abs))
	link := filepath.Join(private, hex.EncodeToString(sum[:8]))
	short := filepath.Join(link, base)
	if len(short) > maxSocketPath {
		return "", nil, fmt.Errorf("path is too long for a socket, and so is %s", short)
	}
	if err := privateDir(private); err != nil {
		return "", nil, err
	}
	if old, err := os.Readlink(link); err != nil || old != dir {
		if err := os.Remove(link); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", nil, err
		}
		if err := os.Symlink(dir, link); err != nil {
			return "", nil, err
		}
	}
	return short, func() { os.Remove(link) }, nil
}

// privateDir makes dir, or makes sure that it is a folder of ours alone.
func privateDir(dir string) error {
	if err := os.Mkdir(dir, 0o700); err == nil || !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if owner, ok := owner(info); !ok || owner != os.Getuid() || !info.IsDir() || info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a folder of this user alone", dir)
	}
	return nil
}

// listenUnix opens a socket that only this user can connect to.
func listenUnix(path string) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(restrict)
	}}
	ln, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		ln.Close()
		return nil, err
	}
	return ln.(*net.UnixListener), nil
}

// removeStale removes the socket that a killed process left, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if info.Mode().Type() != fs.ModeSocket {
		return errors.New("there is something else than a socket")
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		conn.Close()
		return errors.New("another process listens there")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
