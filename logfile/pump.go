package logfile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// Pump moves bytes from the pipe r to the log until r ends (nil), ctx ends, or
// the disk refuses. While the disk is full it waits and retries each second:
// the writer feels back-pressure and nothing is dropped. One Pump at a time.
func (l *Log) Pump(ctx context.Context, r *os.File) error {
	conn, err := r.SyscallConn()
	if err != nil {
		return fmt.Errorf("pump log %s: %w", l.name, err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		r.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-stopped // or it would end the next Pump
			r.SetReadDeadline(time.Time{})
		}
	}()
	for {
		err := l.pumpOnce(conn)
		switch {
		case ctx.Err() != nil && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)):
			return ctx.Err()
		case err == nil:
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errHeld):
			err = l.pause(ctx, l.holdFor/8)
		case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
			l.noteFull()
			err = l.pause(ctx, retryOnFull)
		default:
			return fmt.Errorf("pump log %s: %w", l.name, err)
		}
		if err != nil {
			return err
		}
	}
}

var errHeld = errors.New("readers hold what would have to be dropped")

func (l *Log) noteFull() {
	l.mu.Lock()
	l.full = true
	l.mu.Unlock()
}

// pumpOnce waits until the pipe has something and moves it.
func (l *Log) pumpOnce(conn syscall.RawConn) error {
	var err error
	waitErr := conn.Read(func(fd uintptr) bool {
		err = l.take(int(fd))
		return !errors.Is(err, syscall.EAGAIN)
	})
	if waitErr != nil {
		return waitErr
	}
	return err
}

// take stores one piece of what is in the pipe now: io.EOF at its end, EAGAIN
// when it is empty.
func (l *Log) take(pipe int) error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.mu.Lock()
	waiting := len(l.waiting) > 0
	l.mu.Unlock()
	upTo := int64(pumpAtOnce)
	if waiting {
		at, err := l.atLineStart()
		if err != nil {
			return err
		}
		if at {
			return l.flushWaiting()
		}
		if n, found := firstLine(pipe); found {
			upTo = n
		}
	}
	room, err := l.prepare()
	if err != nil {
		return err
	}
	if room == 0 {
		return errHeld
	}
	n, err := transfer(pipe, l.file, l.position(), min(room, upTo))
	if n > 0 {
		l.grow(n)
		return nil
	}
	if err == nil {
		l.endLine()
		return io.EOF
	}
	return err
}

// lineIn tells how many bytes of p belong to its first line, newline included.
func lineIn(p []byte) (int64, bool) {
	i := bytes.IndexByte(p, '\n')
	return int64(i + 1), i >= 0
}
