//go:build unix

package runner

import (
	"io/fs"
	"syscall"
)

// restrict takes the socket's file from others before it exists: on Linux a
// socket's mode becomes that of its file. Elsewhere the chmod after it counts.
func restrict(fd uintptr) { _ = syscall.Fchmod(int(fd), 0o600) }

func owner(info fs.FileInfo) (int, bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(st.Uid), true
}
