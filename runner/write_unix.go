//go:build unix

package runner

import (
	"errors"
	"syscall"
)

// rawWriter writes to a non-blocking socket without waiting for room in it.
// One goroutine at a time uses it.
type rawWriter struct {
	raw syscall.RawConn
	f   func(fd uintptr) bool // made once: it would be allocated for each write
	p   []byte
	n   int
	err error
}

func newRawWriter(raw syscall.RawConn) tryWriter {
	w := &rawWriter{raw: raw}
	w.f = w.once
	return w
}

func (w *rawWriter) write(p []byte) (int, error) {
	w.p, w.n, w.err = p, 0, nil
	err := w.raw.Write(w.f)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

func (w *rawWriter) once(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), w.p)
		switch {
		case err == nil:
			w.n = n
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
		default:
			w.err = err
		}
		return true
	}
}
