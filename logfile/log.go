package logfile

// STUB: the API is fixed, the bodies come.

import (
	"context"
	"os"
)

// Log is one byte stream on disk. All methods are safe for concurrent use.
type Log struct{}

// Open opens or makes the log NAME in dir: segments NAME.OFFSET (16 hex
// digits), at most limit bytes in all. It writes at the end of what is there.
func Open(dir, name string, limit int64) (*Log, error) { panic("stub") }

// Pump moves bytes from the pipe r to the log until r ends (nil), ctx ends, or
// the disk refuses. While the disk is full it waits and retries each second:
// the writer feels back-pressure and nothing is dropped. One Pump at a time.
func (l *Log) Pump(ctx context.Context, r *os.File) error { panic("stub") }

// Append adds whole lines between what the pipe brings, at a line's start.
func (l *Log) Append(lines []byte) error { panic("stub") }

// Start and End are the offsets of the oldest byte kept and of the next.
func (l *Log) Start() int64 { panic("stub") }
func (l *Log) End() int64   { panic("stub") }

// Finish tells readers that nothing more will come. Open logs of an ended
// Instance are finished by their opener.
func (l *Log) Finish()      { panic("stub") }
func (l *Log) Close() error { panic("stub") }

// NewReader follows the log from an offset (clamped to Start…End). A reader
// that holds keeps what it has not read from being dropped, for as long as it
// reads something every 30 s; one that does not hold skips what was dropped.
func (l *Log) NewReader(from int64, hold bool) *Reader { panic("stub") }

// Reader reads one Log. Not for concurrent use.
type Reader struct{}

// Read waits for bytes until ctx ends; io.EOF at the end of a finished Log.
func (r *Reader) Read(ctx context.Context, p []byte) (int, error) { panic("stub") }

// TryRead is Read without waiting: 0, nil when nothing is there now.
func (r *Reader) TryRead(p []byte) (int, error) { panic("stub") }

// Offset of the next byte; Skipped counts bytes that were dropped unread.
func (r *Reader) Offset() int64  { panic("stub") }
func (r *Reader) Skipped() int64 { panic("stub") }
func (r *Reader) Close() error   { panic("stub") }
