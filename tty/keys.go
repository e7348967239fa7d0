package tty

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// Interrupt is the key Ctrl-C: a terminal whose Keys are read sends no signal.
const Interrupt = 'c' & 0x1f

// Keys is a terminal of which every key is told as it is struck, and shown by
// nobody.
type Keys struct {
	file *os.File
	was  *term.State
	c    chan byte
	wake [2]*os.File // its end ends the reading
	over chan struct{}
	wg   sync.WaitGroup
}

// KeysOf opens the keys of a terminal; nil, without an error, when r is none, or
// belongs to another program now. Close gives it back as it was.
func KeysOf(r io.Reader) (*Keys, error) {
	f, ok := r.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || !inForeground(f) {
		return nil, nil
	}
	k := &Keys{file: f, c: make(chan byte), over: make(chan struct{})}
	var err error
	if k.wake[0], k.wake[1], err = os.Pipe(); err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	if k.was, err = term.MakeRaw(int(f.Fd())); err != nil {
		return nil, errors.Join(fmt.Errorf("read keys: %w", err), k.wake[0].Close(), k.wake[1].Close())
	}
	k.wg.Go(k.read)
	return k, nil
}

// inForeground tells whether this process may change and read the terminal: one
// in the background would be stopped.
func inForeground(f *os.File) bool {
	group, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// C has the keys, until Close. It is nil for no Keys.
func (k *Keys) C() <-chan byte {
	if k == nil {
		return nil
	}
	return k.c
}

// Close may be called again, and on no Keys.
func (k *Keys) Close() error {
	if k == nil || k.was == nil {
		return nil
	}
	close(k.over)
	err := k.wake[1].Close()
	k.wg.Wait()
	err = errors.Join(err, k.wake[0].Close(), term.Restore(int(k.file.Fd()), k.was))
	k.was = nil
	return err
}

// read ends at Close, or with the terminal.
func (k *Keys) read() {
	buf := make([]byte, 64)
	for k.wait() {
		n, err := k.file.Read(buf)
		if err != nil {
			return
		}
		for _, b := range plain(buf[:n]) {
			select {
			case k.c <- b:
			case <-k.over:
				return
			}
		}
	}
}

// plain leaves out arrows and the like, which are more than one byte: what a
// terminal sends for one of them comes in one piece.
func plain(typed []byte) (keys []byte) {
	const escape = '\x1b'
	for i := 0; i < len(typed); i++ {
		if typed[i] != escape {
			keys = append(keys, typed[i])
			continue
		}
		i++ // with Alt, a key has one more
		switch {
		case i < len(typed) && typed[i] == '[':
			for i++; i < len(typed) && (typed[i] < '@' || typed[i] > '~'); i++ {
			}
		case i < len(typed) && typed[i] == 'O':
			i++
		}
	}
	return keys
}

// wait until a key was struck; false: until Close.
func (k *Keys) wait() bool {
	in, wake := int(k.file.Fd()), int(k.wake[0].Fd())
	for {
		var set unix.FdSet
		set.Set(in)
		set.Set(wake)
		_, err := unix.Select(max(in, wake)+1, &set, nil, nil, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		return err == nil && !set.IsSet(wake)
	}
}
