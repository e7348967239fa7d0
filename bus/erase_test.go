package bus_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"waverider/bus"
)

// A kill leaves an index that is older than the blocks; then the engine reads each message.
func TestADamagedMessageCostsOnlyItselfAfterAKill(t *testing.T) {
	const count = 20
	for _, which := range []int{0, 1, 9, 18} {
		for _, where := range []int{0, 2, 5, 9, 14, 20, 30, 75, -1} { // length, sequence, time, subject's length, subject, data, sum
			t.Run(fmt.Sprintf("message %d byte %d", which, where), func(t *testing.T) {
				dir := t.TempDir()
				b := open(t, dir)
				ensure(t, b)
				for i := range uint64(count) {
					m := bus.Msg{Subject: fmt.Sprintf("wr.hub.sync.t%d.h.p", i%2), Data: content(i + 1)}
					if i > 1 {
						m.After = i - 1
					}
					if _, err := b.Publish(t.Context(), "sync", m); err != nil {
						t.Fatal(err)
					}
				}
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				msgs := filepath.Join(dir, "jetstream", "WR", "streams", "sync", "msgs")
				flipByte(t, filepath.Join(msgs, "1.blk"), which, where)
				if err := os.Remove(filepath.Join(msgs, "index.db")); err != nil {
					t.Fatal(err)
				}
				b = open(t, dir)
				left := map[string]bool{}
				for i := range 2 {
					got, err := b.Fetch(t.Context(), "sync", fmt.Sprintf("wr.hub.sync.t%d.h.p", i), 0, 100, 4<<20)
					if err != nil {
						t.Fatal(err)
					}
					for _, m := range got {
						if string(m.Data) != string(content(m.Seq)) {
							t.Errorf("message %d is %q", m.Seq, m.Data)
						}
						left[string(m.Data)] = true
					}
				}
				if len(left) != count-1 || left[string(content(uint64(which+1)))] {
					t.Errorf("%d messages of %d are left, the damaged one %v", len(left), count, left[string(content(uint64(which+1)))])
				}
				if seq, err := b.Publish(t.Context(), "sync", bus.Msg{Subject: "wr.hub.sync.t9.h.p", Data: content(count + 1)}); err != nil || seq != count+1 {
					t.Errorf("the next message has sequence %d, %v", seq, err)
				}
			})
		}
	}
}

// flipByte turns a bit of a message in a block file, at an offset, or from the end of the message.
func flipByte(t *testing.T, path string, which, where int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	length := func() int { return int(binary.LittleEndian.Uint32(data[at:]) &^ (1 << 31)) }
	for range which {
		at += length()
	}
	if where < 0 {
		where += length()
	}
	data[at+where] ^= 4
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
