package bus

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// The form of the engine's block files, as far as it is needed here: messages one after the other, each begins with its
// whole length (4 bytes, one bit of it says that there are headers), its sequence (8 bytes, two bits of it are flags),
// its time (8) and the length of its subject (2), and ends with a check sum.
const (
	blockHeader    = 4 + 8 + 8 + 2
	blockLeast     = blockHeader + 8
	lengthFlag     = 1 << 31
	sequenceFlags  = 3 << 62
	tombstone      = 1 << 62
	blockMost      = 32 << 20
	sequenceStride = 1 << 24 // more messages than a block can hold
	blockWindow    = 4 << 10
)

// mendBlocks sees to it that a damaged message costs only itself. The engine believes its own index of a stream after a
// clean end, and fills the room up to a sequence that cannot be with deleted messages, one by one, for ever. Without the
// index, or with one that is older than the blocks, it reads each message, and cuts off what is behind a damaged one.
func mendBlocks(dir string, log *slog.Logger) error {
	streams, err := filepath.Glob(filepath.Join(dir, "jetstream", account, "streams", "*", "msgs"))
	if err != nil {
		return err
	}
	for _, msgs := range streams {
		if err := mendStream(msgs, log); err != nil {
			return fmt.Errorf("look at the messages of a stream: %w", err)
		}
	}
	return nil
}

func mendStream(msgs string, log *slog.Logger) error {
	blocks, err := filepath.Glob(filepath.Join(msgs, "*.blk"))
	if err != nil {
		return err
	}
	read, err := outdated(msgs, blocks)
	if err != nil {
		return err
	}
	damaged := false
	for _, path := range blocks {
		at, ok, err := saneBlock(path)
		if err != nil {
			return err
		}
		if !ok {
			log.Error("a block of a stream is damaged; its messages are checked one by one", "file", path, "offset", at)
			damaged = true
		}
	}
	if !read && !damaged {
		return nil
	}
	for _, path := range blocks {
		places, err := eraseDamaged(path)
		if err != nil {
			return err
		}
		for _, at := range places {
			log.Error("a damaged message of a stream is given up", "file", path, "offset", at)
			damaged = true
		}
	}
	if !damaged {
		return nil
	}
	if err := os.Remove(filepath.Join(msgs, indexFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("drop the index of a damaged stream: %w", err)
	}
	return nil
}

const indexFile = "index.db"

// outdated tells whether blocks were written after the index, or there is none: then the engine reads the blocks.
func outdated(msgs string, blocks []string) (bool, error) {
	index, err := os.Stat(filepath.Join(msgs, indexFile))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	for _, path := range blocks {
		b, err := os.Stat(path)
		if err != nil {
			return false, err
		}
		if b.ModTime().After(index.ModTime()) {
			return true, nil
		}
	}
	return false, nil
}

// saneBlock goes from message to message and answers where one has a sequence that no other message of the block is
// near to. Where a length is wrong it stops: that the engine notices.
func saneBlock(path string) (at int64, ok bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = f.Close() }()
	var window [blockWindow]byte
	var start, end int64 // of what window holds
	var last uint64
	for {
		if at < start || at+blockHeader > end {
			n, err := f.ReadAt(window[:], at)
			if err != nil && !errors.Is(err, io.EOF) {
				return at, false, err
			}
			if start, end = at, at+int64(n); n < blockHeader {
				return at, true, nil
			}
		}
		header := window[at-start:]
		length := int64(binary.LittleEndian.Uint32(header) &^ lengthFlag)
		sequence := binary.LittleEndian.Uint64(header[4:])
		if length < blockLeast || length > blockMost {
			return at, true, nil
		}
		if sequence&tombstone == 0 {
			sequence &^= sequenceFlags
			if last > 0 && (sequence > last+sequenceStride || sequence+sequenceStride < last) {
				return at, false, nil
			}
			last = sequence
		}
		at += length
	}
}
