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

// mendBlocks looks for message sequences that cannot be. The engine believes its own index of a block after a clean end
// and fills the room up to such a sequence with deleted messages, one by one, for ever. Without the index it reads the
// blocks, checks each message and cuts off what is wrong, so that is taken from it.
func mendBlocks(dir string, log *slog.Logger) error {
	streams, err := filepath.Glob(filepath.Join(dir, "jetstream", account, "streams", "*", "msgs"))
	if err != nil {
		return err
	}
	for _, msgs := range streams {
		blocks, err := filepath.Glob(filepath.Join(msgs, "*.blk"))
		if err != nil {
			return err
		}
		for _, path := range blocks {
			at, ok, err := saneBlock(path)
			if err != nil {
				return fmt.Errorf("look at the messages of a stream: %w", err)
			}
			if ok {
				continue
			}
			log.Error("a block of a stream is damaged; its messages are checked one by one", "file", path, "offset", at)
			if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("drop the index of a damaged stream: %w", err)
			}
			break
		}
	}
	return nil
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
