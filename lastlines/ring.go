// Package lastlines keeps the newest lines of a log in memory and sends them, and
// those to come, to who follows them over HTTP.
package lastlines

import (
	"sync"
)

// Ring keeps the newest lines, and wakes who follows them.
type Ring struct {
	mu    sync.Mutex
	lines [][]byte
	first int // number of lines[0]
	size  int
	more  chan struct{}
}

// New keeps size entries; 0 means 2,000.
func New(size int) *Ring {
	if size == 0 {
		size = 2000
	}
	return &Ring{size: size, more: make(chan struct{})}
}

// Add adds a line, which is not to be changed any more. Its end is part of it.
func (l *Ring) Add(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) == l.size {
		l.lines[0] = nil
		l.lines = l.lines[1:]
		l.first++
	}
	l.lines = append(l.lines, line)
	close(l.more)
	l.more = make(chan struct{})
}

// From answers the lines numbered n and later, the number to ask for next,
// and a channel that is closed when there are more.
func (l *Ring) From(n int) (lines [][]byte, next int, more <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	start := min(max(n-l.first, 0), len(l.lines))
	return append([][]byte(nil), l.lines[start:]...), l.first + len(l.lines), l.more
}
