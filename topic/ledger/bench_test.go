package ledger_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"waverider"
	"waverider/topic/ledger"
)

const manyTopics = 10_000

// large makes a ledger of 10,000 Topics, each with a mark and a cursor.
func large(b *testing.B, path string) (*ledger.Ledger, []waverider.TopicName) {
	b.Helper()
	l := open(b, path)
	names := make([]waverider.TopicName, manyTopics)
	marks, cursors := map[waverider.TopicName]ledger.Mark{}, map[ledger.Key]ledger.Cursor{}
	done := make(chan error)
	for n := range names {
		names[n] = waverider.TopicName(fmt.Sprintf("sensors.building-%d.t%d", n%17, n))
		marks[names[n]] = ledger.Mark{Next: uint64(n), Reserved: uint64(n) + 4<<20, Boot: 1, At: at}
		cursors[ledger.Key{Topic: names[n], Reader: "slot:1b4e28ba-2fa1-11d2-883f-0016d3cca427"}] = ledger.Cursor{Number: uint64(n), Updated: at, Expires: time.Hour}
		go func() { done <- l.PutTopic(topic(names[n])) }()
	}
	for range names {
		must(b, <-done)
	}
	must(b, l.PutMarks(marks, nil))
	must(b, l.PutCursors(cursors))
	return l, names
}

// What a Hub does at its start.
func BenchmarkLoad10000Topics(b *testing.B) {
	path := filepath.Join(b.TempDir(), "topics.db")
	l, _ := large(b, path)
	must(b, l.Close())
	for b.Loop() {
		l, err := ledger.Open(path)
		must(b, err)
		topics, err := l.Topics()
		must(b, err)
		marks, err := l.Marks()
		must(b, err)
		cursors := 0
		for _, t := range topics {
			all, err := l.Cursors(t.Name)
			must(b, err)
			cursors += len(all)
		}
		if len(topics) != manyTopics || len(marks) != manyTopics || cursors != manyTopics {
			b.Fatalf("%d topics, %d marks, %d cursors", len(topics), len(marks), cursors)
		}
		must(b, l.Close())
	}
}

// What a Hub does each second, when 1,000 of its 10,000 Topics have moved.
func BenchmarkPut1000Marks(b *testing.B) {
	path := filepath.Join(b.TempDir(), "topics.db")
	l, names := large(b, path)
	var n uint64
	for b.Loop() {
		marks := map[waverider.TopicName]ledger.Mark{}
		for i := range 1000 {
			n++
			marks[names[(n*7919+uint64(i))%manyTopics]] = ledger.Mark{Next: n, Reserved: n + 4<<20, Boot: 1, At: at}
		}
		must(b, l.PutMarks(marks, map[string]ledger.StreamMark{"sync": {Last: n, At: at}}))
	}
	b.ReportMetric(float64(size(b, path))/1e6, "MB")
}

// One cursor moves while nobody else writes: the price of an fsync.
func BenchmarkPutOneCursor(b *testing.B) {
	l, names := large(b, filepath.Join(b.TempDir(), "topics.db"))
	var n uint64
	for b.Loop() {
		n++
		must(b, l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: names[n%manyTopics], Reader: "slot:1"}: {Number: n, Updated: at}}))
	}
}

// Many move theirs at the same time, each for itself.
func BenchmarkPutCursorsOf100Readers(b *testing.B) {
	l, names := large(b, filepath.Join(b.TempDir(), "topics.db"))
	done := make(chan error)
	var n uint64
	for b.Loop() {
		n++
		for i := range 100 {
			go func() {
				done <- l.PutCursors(map[ledger.Key]ledger.Cursor{{Topic: names[i], Reader: "slot:1"}: {Number: n, Updated: at}})
			}()
		}
		for range 100 {
			must(b, <-done)
		}
	}
}
