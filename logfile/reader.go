package logfile

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Reader reads one Log. Not for concurrent use.
type Reader struct {
	log     *Log
	hold    bool
	skipped int64

	file    *os.File // of segment fileOff
	fileOff int64
	final   int64 // where file ends, once its segment was dropped

	// guarded by log.mu
	off    int64
	last   time.Time // when it last read something
	inside bool      // waits in Read: it is not slow, there is nothing to read
}

// NewReader follows the log from an offset (clamped to Start…End). A reader
// that holds keeps what it has not read from being dropped, for as long as it
// reads something every 30 s; one that does not hold skips what was dropped.
func (l *Log) NewReader(from int64, hold bool) *Reader {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Reader{log: l, hold: hold, off: min(max(from, l.startLocked()), l.end), last: time.Now()}
	if hold {
		l.holders[r] = struct{}{}
	}
	return r
}

// Read waits for bytes until ctx ends; io.EOF at the end of a finished Log.
func (r *Reader) Read(ctx context.Context, p []byte) (int, error) {
	for {
		n, changed, err := r.read(p, true)
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-ctx.Done():
			r.leave()
			return 0, ctx.Err()
		case <-changed:
		}
	}
}

// TryRead is Read without waiting: 0, nil when nothing is there now.
func (r *Reader) TryRead(p []byte) (int, error) {
	n, _, err := r.read(p, false)
	return n, err
}

// read returns what is there, or with nothing a channel that is closed at the
// next change.
func (r *Reader) read(p []byte, wait bool) (int, <-chan struct{}, error) {
	for {
		seg, changed, err := r.locate(wait)
		if err != nil || changed != nil || seg.size == 0 || len(p) == 0 {
			return 0, changed, err
		}
		n, err := r.readSegment(seg, p)
		if errors.Is(err, os.ErrNotExist) || n == 0 && err == nil {
			if r.kept(seg.off) {
				return 0, nil, io.ErrUnexpectedEOF // cut short behind our back
			}
			continue // dropped meanwhile: go on with what is left
		}
		r.advance(int64(n))
		return n, nil, err
	}
}

// locate finds the segment of the next byte, skipping what is no longer there.
// A zero segment says that there is none now.
func (r *Reader) locate(wait bool) (seg segment, changed <-chan struct{}, err error) {
	// What was dropped can be read to its end by whoever has it open.
	if r.file != nil && !r.kept(r.fileOff) {
		if err := r.finalEnd(); err != nil {
			return segment{}, nil, err
		}
		if off := r.Offset(); off < r.final {
			return segment{r.fileOff, r.final - r.fileOff}, nil, nil
		}
	}
	l := r.log
	l.mu.Lock()
	defer l.mu.Unlock()
	r.inside = false
	for _, s := range l.segs {
		if r.off < s.end() {
			if r.off < s.off {
				r.skipped += s.off - r.off
				r.off = s.off
			}
			return s, nil, nil
		}
	}
	switch {
	case l.finished:
		return segment{}, nil, io.EOF
	case l.closed:
		return segment{}, nil, os.ErrClosed
	case wait:
		r.inside = true
		return segment{}, l.changeLocked(), nil
	}
	return segment{}, nil, nil
}

// finalEnd learns where the open file of a dropped segment ends. A dropped
// segment is never the newest, so it grows no more.
func (r *Reader) finalEnd() error {
	if r.final > 0 {
		return nil
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	r.final = r.fileOff + info.Size()
	return nil
}

// kept tells whether the segment at off has not been dropped.
func (r *Reader) kept(off int64) bool {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	for _, s := range r.log.segs {
		if s.off == off {
			return true
		}
	}
	return false
}

func (r *Reader) readSegment(seg segment, p []byte) (int, error) {
	if r.file == nil || r.fileOff != seg.off {
		r.closeFile()
		f, err := os.Open(filepath.Join(r.log.dir, segmentName(r.log.name, seg.off)))
		if err != nil {
			return 0, err
		}
		r.file, r.fileOff, r.final = f, seg.off, 0
	}
	n, err := r.file.ReadAt(p[:min(int64(len(p)), seg.end()-r.off)], r.off-seg.off)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (r *Reader) advance(n int64) {
	r.log.mu.Lock()
	r.off += n
	r.last = time.Now()
	r.log.mu.Unlock()
	r.moved()
}

func (r *Reader) leave() {
	r.log.mu.Lock()
	r.inside = false
	r.last = time.Now()
	r.log.mu.Unlock()
}

// moved tells a Pump that waits for holders to look again.
func (r *Reader) moved() {
	if !r.hold {
		return
	}
	select {
	case r.log.freed <- struct{}{}:
	default:
	}
}

func (r *Reader) closeFile() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}

// Offset of the next byte.
func (r *Reader) Offset() int64 {
	r.log.mu.Lock()
	defer r.log.mu.Unlock()
	return r.off
}

// Skipped counts bytes that were dropped unread.
func (r *Reader) Skipped() int64 { return r.skipped }

// Close lets go of what r holds.
func (r *Reader) Close() error {
	r.log.mu.Lock()
	delete(r.log.holders, r)
	r.log.mu.Unlock()
	r.moved()
	return r.closeFile()
}
