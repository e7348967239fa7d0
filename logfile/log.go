package logfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// DefaultLimit is the bytes kept when Open is given no limit.
const DefaultLimit = 16 << 20

const (
	minSegment   = 4 << 10
	holdTime     = 30 * time.Second // a reader that reads nothing for so long holds no more
	maxWaiting   = 1 << 20          // bytes of Append that wait for a line's start
	retryOnFull  = time.Second
	pumpAtOnce   = 1 << 20
	segmentRatio = 8 // segments of a full log: what is dropped at once is 1/8 of it
)

// ErrBusy means that too much waits for the start of a line.
var ErrBusy = errors.New("log: too many lines wait for the current one to end")

// Log is one byte stream on disk. All methods are safe for concurrent use.
type Log struct {
	dir, name      string
	limit, segSize int64

	turn chan struct{} // capacity 1; who put in a token writes, and owns file
	file *os.File      // the newest segment, nil until something is written

	freed chan struct{} // capacity 1; a holding reader moved or went

	mu       sync.Mutex
	segs     []segment // oldest first
	end      int64
	waiting  []byte // lines of Append until the current line has ended
	finished bool
	closed   bool
	full     bool
	changed  chan struct{} // closed at the next change; nil when nobody waits
	holders  map[*Reader]struct{}
	holdFor  time.Duration
}

// Open opens or makes the log NAME in dir: segments NAME.OFFSET (16 hex
// digits), at most limit bytes in all (0 means DefaultLimit). It writes at the
// end of what is there.
func Open(dir, name string, limit int64) (*Log, error) {
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = max(limit, 2*minSegment)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	segs, err := scan(dir, name)
	if err != nil {
		return nil, fmt.Errorf("open log %s: %w", name, err)
	}
	l := &Log{
		dir: dir, name: name,
		limit: limit, segSize: max(limit/segmentRatio, minSegment),
		turn:    make(chan struct{}, 1),
		freed:   make(chan struct{}, 1),
		segs:    segs,
		holders: map[*Reader]struct{}{},
		holdFor: holdTime,
	}
	if len(segs) > 0 {
		l.end = segs[len(segs)-1].end()
	}
	return l, nil
}

// Start is the offset of the oldest byte kept.
func (l *Log) Start() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.startLocked()
}

func (l *Log) startLocked() int64 {
	if len(l.segs) == 0 {
		return l.end
	}
	return l.segs[0].off
}

// End is the offset of the next byte.
func (l *Log) End() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Full tells that the disk refuses bytes now and Pump waits for room.
func (l *Log) Full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.full
}

// Append adds whole lines between what the pipe brings, at a line's start. In
// the middle of a line they wait for its end; ErrBusy when too much waits.
func (l *Log) Append(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.mu.Lock()
	if l.finished || l.closed {
		l.mu.Unlock()
		return fmt.Errorf("append to log %s: %w", l.name, os.ErrClosed)
	}
	if len(l.waiting)+len(lines) > maxWaiting {
		l.mu.Unlock()
		return ErrBusy
	}
	l.waiting = append(l.waiting, lines...)
	if lines[len(lines)-1] != '\n' {
		l.waiting = append(l.waiting, '\n')
	}
	l.mu.Unlock()
	at, err := l.atLineStart()
	if err != nil || !at {
		return err
	}
	return l.flushWaiting()
}

// Finish tells readers that nothing more will come. Logs of an ended Instance
// are finished by their opener.
func (l *Log) Finish() {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.endLine()
	l.closeFile()
	l.mu.Lock()
	l.finished = true
	l.announceLocked()
	l.mu.Unlock()
}

// Close lets go of the files. Readers get os.ErrClosed once they have read
// what is there.
func (l *Log) Close() error {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	l.endLine()
	err := l.closeFile()
	l.mu.Lock()
	l.closed = true
	l.announceLocked()
	l.mu.Unlock()
	return err
}

// announceLocked wakes whoever waits for a change.
func (l *Log) announceLocked() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// changeLocked is closed at the next change.
func (l *Log) changeLocked() <-chan struct{} {
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.changed
}

// pause waits for d, a freed holder, or the end of ctx.
func (l *Log) pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.freed:
	case <-t.C:
	}
	return nil
}
