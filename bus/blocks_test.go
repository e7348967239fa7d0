package bus_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"waverider/bus"
)

// A sequence is in no check sum that the engine looks at before it has filled the room up to it.
func TestASequenceThatCannotBeStopsNothing(t *testing.T) {
	for _, which := range []int{0, 9, 19} { // the first message of a block, one in the middle, the last
		for _, bit := range []int{24, 32, 47, 61} {
			t.Run(fmt.Sprintf("message %d bit %d", which, bit), func(t *testing.T) {
				dir := t.TempDir()
				b := open(t, dir)
				ensure(t, b)
				const subject = "wr.hub.sync.t.h.p"
				for i := range uint64(20) {
					if _, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: subject, Data: content(i + 1), After: i}); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				flipSequence(t, filepath.Join(dir, "jetstream", "WR", "streams", "sync", "msgs", "1.blk"), which, bit)
				b = open(t, dir)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				got, err := b.Fetch(ctx, "sync", subject, 0, 100, 4<<20)
				if err != nil {
					t.Fatal(err)
				}
				if len(got) < which {
					t.Errorf("%d messages are left, %d stood before the damaged one", len(got), which)
				}
				for i, m := range got[:min(which, len(got))] {
					if string(m.Data) != string(content(uint64(i+1))) {
						t.Errorf("message %d is %q", i+1, m.Data)
					}
				}
			})
		}
	}
}

// flipSequence turns a bit of the sequence of a message in a block file.
func flipSequence(t *testing.T, path string, which, bit int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for range which {
		at += int(binary.LittleEndian.Uint32(data[at:]) &^ (1 << 31))
	}
	data[at+4+bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
