package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"waverider/datadir"
)

// rest is what was left of an Instance's output when it ended: a file named
// by the offset of its first byte. A nil file name means nothing was left.
type rest struct {
	path string
	from uint64
	size uint64
}

const restPrefix = "output."

func writeRest(dir string, from uint64, data []byte) (*rest, error) {
	r := &rest{from: from, size: uint64(len(data))}
	if len(data) > 0 {
		r.path = filepath.Join(dir, restPrefix+strconv.FormatUint(from, 16))
		if err := datadir.WriteFile(r.path, data); err != nil {
			return &rest{from: from}, fmt.Errorf("keep unread output: %w", err)
		}
	}
	// Only now, for it may be part of data.
	old, _ := filepath.Glob(filepath.Join(dir, restPrefix+"*"))
	for _, path := range old {
		if path == r.path {
			continue
		}
		if err := os.Remove(path); err != nil {
			return r, fmt.Errorf("remove read output: %w", err)
		}
	}
	return r, nil
}

// findRest finds what writeRest left in dir: if that was cut short, the file
// that goes on furthest.
func findRest(dir string, pos uint64) *rest {
	found := &rest{from: pos}
	names, _ := filepath.Glob(filepath.Join(dir, restPrefix+"*"))
	for _, path := range names {
		from, err := strconv.ParseUint(strings.TrimPrefix(filepath.Base(path), restPrefix), 16, 64)
		info, statErr := os.Stat(path)
		if err != nil || statErr != nil {
			continue
		}
		if r := (&rest{path: path, from: from, size: uint64(info.Size())}); found.path == "" || r.from+r.size > found.from+found.size {
			found = r
		}
	}
	return found
}

// readRest serves a reader of an ended Instance from offset at. A plain reader
// moves the shared position, so that what it was given isn't given again.
func (o *outlet) readRest(ctx context.Context, r *rest, at uint64, plain bool, started func(uint64) error, write func([]byte) error) error {
	if err := started(at); err != nil || r.path == "" || at >= r.from+r.size {
		return err
	}
	f, err := os.Open(r.path)
	if err != nil {
		return fmt.Errorf("open kept output: %w", err)
	}
	defer f.Close()
	buf := make([]byte, 32<<10)
	for ctx.Err() == nil {
		n, err := f.ReadAt(buf, int64(at-r.from))
		if n > 0 {
			if err := write(buf[:n]); err != nil {
				return err
			}
			at += uint64(n)
			if plain {
				o.mu.Lock()
				o.pos = max(o.pos, at)
				o.mu.Unlock()
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read kept output: %w", err)
		}
	}
	return ctx.Err()
}
