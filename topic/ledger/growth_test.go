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

// However often cursors move and programs save, the file is a few times what is
// in it: old pages are used again, and states of any size fit in them.
func TestTheFileDoesNotGrowForEver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.db")
	l := open(t, path)
	random := rand.New(rand.NewPCG(1, 2))
	must(t, l.PutTopic(topic("a")))
	state := bytes.Repeat([]byte("s"), ledger.MaxState)
	for n := range uint64(60) {
		put := map[ledger.Key]ledger.Cursor{
			{Topic: "a", Reader: fmt.Sprint("program ", n%5)}: {State: state[:len(state)-random.IntN(len(state)/2)]},
		}
		for range random.IntN(2000) {
			put[ledger.Key{Topic: "a", Reader: fmt.Sprint("reader ", random.IntN(5000))}] = ledger.Cursor{Number: n}
		}
		must(t, l.PutCursors(put))
		must(t, l.PutMarks(map[waverider.TopicName]ledger.Mark{"a": {Next: n}}, map[string]ledger.StreamMark{"sync": {Last: n}}))
	}
	if size := size(t, path); size > 2*5*ledger.MaxState {
		t.Errorf("%d bytes for less than %d", size, 5*ledger.MaxState)
	}
}
