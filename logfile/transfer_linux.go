package logfile

import (
	"os"
	"syscall"
)

// Flags of splice(2) and tee(2), which package syscall lacks.
const (
	spliceMove     = 1
	spliceNonblock = 2
)

// transfer moves up to n bytes from the pipe to f at off within the kernel:
// what has left the pipe is in the file, whenever this process dies. 0, nil is
// the pipe's end.
func transfer(pipe int, f *os.File, off, n int64) (int64, error) {
	for {
		moved, err := syscall.Splice(pipe, nil, int(f.Fd()), &off, int(n), spliceMove|spliceNonblock)
		if err == syscall.EINTR {
			continue
		}
		return int64(moved), err
	}
}

// firstLine looks into the pipe without taking anything out: how long is the
// rest of the current line?
func firstLine(pipe int) (int64, bool) {
	var side [2]int
	if syscall.Pipe2(side[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return 0, false
	}
	defer syscall.Close(side[0])
	defer syscall.Close(side[1])
	n, err := syscall.Tee(pipe, side[1], pumpAtOnce, spliceNonblock)
	if err != nil || n <= 0 {
		return 0, false
	}
	p := make([]byte, n)
	got, err := syscall.Read(side[0], p)
	if err != nil || got <= 0 {
		return 0, false
	}
	return lineIn(p[:got])
}
