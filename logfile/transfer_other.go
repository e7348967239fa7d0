//go:build unix && !linux

package logfile

import (
	"os"
	"syscall"
)

// transfer copies up to n bytes from the pipe to f at off. A kill between its
// two steps loses what was read; only Linux can do better. 0, nil is the
// pipe's end.
func transfer(pipe int, f *os.File, off, n int64) (int64, error) {
	p := make([]byte, min(n, 64<<10))
	got, err := syscall.Read(pipe, p)
	if err != nil {
		return 0, err
	}
	// The bytes have left the pipe: there is no second try for them.
	written, err := f.WriteAt(p[:max(got, 0)], off)
	return int64(written), err
}

// firstLine cannot look into a pipe here: lines that wait go in where a piece
// happens to end with a newline.
func firstLine(int) (int64, bool) { return 0, false }
