package ledger_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"waverider"
	"waverider/topic/ledger"
)

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	return info.Size()
}

// Moving cursors for ever takes no more room than moving them for a while.
func TestTheFileDoesNotGrowForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	l := open(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]waverider.TopicName, 50)
	for n := range names {
		names[n] = waverider.TopicName(fmt.Sprint("topic-", n))
		must(t, l.PutTopic(topic(names[n])))
	}
	state := bytes.Repeat([]byte("s"), 1<<20)
	round := func(n uint64) {
		cursors, marks := map[ledger.Key]ledger.Cursor{}, map[waverider.TopicName]ledger.Mark{}
		for _, name := range names {
			c := ledger.Cursor{Number: n * 1000, InputOffset: n * 1e6}
			if random.IntN(20) == 0 {
				c.State = state[:random.IntN(len(state))]
			}
			cursors[ledger.Key{Topic: name, Reader: "slot"}] = c
			marks[name] = ledger.Mark{Next: n * 1000, Reserved: n*1000 + 4<<20}
		}
		must(t, l.PutCursors(cursors))
		must(t, l.PutMarks(marks, map[string]ledger.StreamMark{"sync": {Last: n}}))
	}
	var n uint64
	for ; n < 100; n++ {
		round(n)
	}
	early := size(t, path)
	for ; n < 500; n++ {
		round(n)
	}
	if late := size(t, path); late > 2*early {
		t.Errorf("the file grew from %d to %d bytes", early, late)
	}
	t.Logf("%d bytes after 100 rounds, %d after 500", early, size(t, path))
}
