package logfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// segment is one file: size bytes of the stream from off on.
type segment struct{ off, size int64 }

func (s segment) end() int64 { return s.off + s.size }

func segmentName(name string, off int64) string { return fmt.Sprintf("%s.%016x", name, off) }

// scan lists what is on disk. A hole (a segment cut short by a power failure)
// stays a hole; a segment that reaches into the next one counts up to there.
func scan(dir, name string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var segs []segment
	for _, e := range entries {
		hex, ok := strings.CutPrefix(e.Name(), name+".")
		if !ok || len(hex) != 16 {
			continue
		}
		off, err := strconv.ParseInt(hex, 16, 64)
		if err != nil || off < 0 {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, err
		}
		segs = append(segs, segment{off, info.Size()})
	}
	slices.SortFunc(segs, func(a, b segment) int { return int(min(max(a.off-b.off, -1), 1)) })
	for i := range len(segs) - 1 {
		segs[i].size = min(segs[i].size, segs[i+1].off-segs[i].off)
	}
	return segs, nil
}

// Everything below is for the holder of the turn only.

// prepare makes the newest segment writable and tells how many bytes may go
// into it now; 0 means that readers hold everything there is room for.
func (l *Log) prepare() (room int64, err error) {
	l.mu.Lock()
	n := len(l.segs)
	fits := n > 0 && l.segs[n-1].size < l.segSize
	end := l.end
	l.mu.Unlock()
	if !fits {
		if err := l.newSegment(end); err != nil {
			return 0, err
		}
	} else if l.file == nil {
		if err := l.openNewest(); err != nil {
			return 0, err
		}
	}
	l.trim()
	l.mu.Lock()
	defer l.mu.Unlock()
	newest := l.segs[len(l.segs)-1]
	return max(0, min(l.segSize-newest.size, l.limit-(l.end-l.segs[0].off))), nil
}

func (l *Log) newSegment(end int64) error {
	f, err := os.OpenFile(filepath.Join(l.dir, segmentName(l.name, end)), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	l.closeFile()
	l.file = f
	l.mu.Lock()
	l.segs = append(l.segs, segment{off: end})
	l.mu.Unlock()
	return nil
}

func (l *Log) openNewest() error {
	l.mu.Lock()
	off := l.segs[len(l.segs)-1].off
	l.mu.Unlock()
	f, err := os.OpenFile(filepath.Join(l.dir, segmentName(l.name, off)), os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	l.file = f
	return nil
}

// trim drops the oldest segments that nobody holds until the newest may grow
// to its full size within the limit.
func (l *Log) trim() {
	for {
		l.mu.Lock()
		newest := l.segs[len(l.segs)-1]
		over := newest.off+l.segSize-l.segs[0].off > l.limit
		if !over || len(l.segs) == 1 || l.heldLocked(l.segs[0]) {
			l.mu.Unlock()
			return
		}
		oldest := l.segs[0]
		l.segs = slices.Delete(l.segs, 0, 1)
		l.mu.Unlock()
		// A segment that cannot be removed is found again by the next Open.
		os.Remove(filepath.Join(l.dir, segmentName(l.name, oldest.off)))
	}
}

func (l *Log) heldLocked(s segment) bool {
	for r := range l.holders {
		if r.off < s.end() && (r.inside || time.Since(r.last) < l.holdFor) {
			return true
		}
	}
	return false
}

// position is where the next byte goes in the newest segment.
func (l *Log) position() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.segs[len(l.segs)-1].size
}

// grow records n more bytes in the newest segment and wakes readers.
func (l *Log) grow(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segs[len(l.segs)-1].size += n
	l.end += n
	l.full = false
	l.announceLocked()
}

func (l *Log) closeFile() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// atLineStart looks at the last byte stored, which another process may have
// written.
func (l *Log) atLineStart() (bool, error) {
	l.mu.Lock()
	var last segment
	for _, s := range slices.Backward(l.segs) {
		if s.size > 0 {
			last = s
			break
		}
	}
	l.mu.Unlock()
	if last.size == 0 {
		return true, nil
	}
	f, err := os.Open(filepath.Join(l.dir, segmentName(l.name, last.off)))
	if err != nil {
		return false, err
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], last.size-1); err != nil {
		return false, err
	}
	return b[0] == '\n', nil
}

// flushWaiting stores the lines that waited. They are few and not worth
// holding up the writer for, so readers that hold don't hold them.
func (l *Log) flushWaiting() error {
	l.mu.Lock()
	lines := l.waiting
	l.waiting = nil
	l.mu.Unlock()
	written, err := l.write(lines)
	if err != nil {
		l.mu.Lock()
		l.waiting = append(lines[written:], l.waiting...)
		l.mu.Unlock()
		return fmt.Errorf("append to log %s: %w", l.name, err)
	}
	return nil
}

func (l *Log) write(p []byte) (written int, err error) {
	for len(p) > 0 {
		room, err := l.prepare()
		if err != nil {
			return written, err
		}
		if room == 0 {
			room = int64(len(p))
		}
		n, err := l.file.WriteAt(p[:min(int64(len(p)), room)], l.position())
		l.grow(int64(n))
		written += n
		p = p[n:]
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// endLine stores what still waits for the end of a line that will not come.
func (l *Log) endLine() {
	l.mu.Lock()
	empty := len(l.waiting) == 0
	l.mu.Unlock()
	if empty {
		return
	}
	if at, err := l.atLineStart(); err == nil && !at {
		l.mu.Lock()
		l.waiting = append([]byte{'\n'}, l.waiting...)
		l.mu.Unlock()
	}
	// The disk may refuse; these lines are the Hub's remarks, not the program's.
	l.flushWaiting()
}
