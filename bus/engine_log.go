package bus

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// engineLog passes warnings and errors of the engine on, and drops what it tells about its well-being. It also hears
// which streams have stopped: the engine leaves their publishers without an answer and says so only in its log.
type engineLog struct {
	log *slog.Logger

	mu     sync.Mutex
	frozen func(stream string, cause error)
	died   string
}

func newEngineLog(log *slog.Logger) *engineLog {
	return &engineLog{log: log.With("part", "nats-server")}
}

// onFreeze sets who is told that a stream takes no more messages. f must not call the engine, whose locks are held.
func (l *engineLog) onFreeze(f func(stream string, cause error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = f
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
	if !strings.HasPrefix(format, "JetStream stream '%s > %s' critical write error") || len(args) != 3 {
		return
	}
	stream, _ := args[1].(string)
	cause, _ := args[2].(error)
	l.mu.Lock()
	frozen := l.frozen
	l.mu.Unlock()
	if frozen != nil {
		frozen(stream, cause)
	}
}

// Fatalf is how the engine says that it cannot start. A program of its own would exit here.
func (l *engineLog) Fatalf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.died = fmt.Sprintf(format, args...)
}
