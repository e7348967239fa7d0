package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"syscall"
)

// engineLog passes warnings and errors of the engine on, and drops what it tells about its well-being. It also hears
// which streams have stopped: after a write failed the engine leaves the publishers of a stream without an answer, and
// says so only here.
type engineLog struct {
	log    *slog.Logger
	freeze func(stream string, err error) // must not call the engine, whose locks are held

	mu   sync.Mutex
	died string
}

// fatal returns why the engine gave up.
func (l *engineLog) fatal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.died == "" {
		return errors.New("it gave no reason")
	}
	return errors.New(l.died)
}

func (l *engineLog) Noticef(string, ...any) {}
func (l *engineLog) Debugf(string, ...any)  {}
func (l *engineLog) Tracef(string, ...any)  {}

func (l *engineLog) Warnf(format string, args ...any) {
	l.log.Warn(fmt.Sprintf(format, args...))
}

func (l *engineLog) Errorf(format string, args ...any) {
	l.log.Warn(fmt.Sprintf(format, args...))
	if stream, cause := frozenStream(format, args); cause != nil {
		l.freeze(stream, fmt.Errorf("%w: stream %q takes no more messages: %w", fullOr(ErrUnavailable, cause.Error()), stream, cause))
	}
}

// Fatalf is how the engine says that it cannot start. A program of its own would exit here.
func (l *engineLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.died = fmt.Sprintf(format, args...)
}

// frozenStream finds the stream that stopped, and why, in what the engine logs. A write in the background is told of by
// the file store, one that somebody waits for by the stream.
func frozenStream(format string, args []any) (stream string, cause error) {
	switch {
	case strings.HasPrefix(format, "JetStream stream '%s > %s' critical write error") && len(args) == 3:
		stream, _ = args[1].(string)
		cause, _ = args[2].(error)
	case strings.HasSuffix(format, "] Critical write error: %v") && len(args) == 1:
		stream = strings.TrimPrefix(strings.TrimSuffix(format, "] Critical write error: %v"), "Filestore [")
		cause, _ = args[0].(error)
	}
	return stream, cause
}

// fullOr returns ErrFull when a text of the engine says that there is no space, and other when not.
func fullOr(other error, text string) error {
	for _, e := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
		if strings.Contains(text, e.Error()) {
			return ErrFull
		}
	}
	return other
}

// diskIsFull tells whether not even one message of full size fits.
func diskIsFull(dir string) bool {
	var fs syscall.Statfs_t
	return syscall.Statfs(dir, &fs) == nil && uint64(fs.Bavail)*uint64(fs.Bsize) < MaxData
}
