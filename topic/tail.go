package topic

import "waverider/topic/batch"

// What live readers may find in memory. A reader that falls further behind
// reads from the store.
const (
	tailBytes    = 8 << 20  // of one Topic
	tailAllBytes = 64 << 20 // of all Topics
	tailLeast    = 64 << 10 // of one Topic, however many there are
)

// tail is the newest batches of a Topic, contiguous, oldest first. Topic.mu
// guards it.
type tail struct {
	list  []tailed
	bytes int
}

type tailed struct {
	batch    *batch.Batch
	producer string
	seq      uint64
	in       segment
}

// push takes over a batch.
func (l *tail) push(t *Topic, b *batch.Batch, producer string, seq uint64, in segment) {
	limit := t.tailLimit()
	if limit == 0 {
		b.Release()
		l.clear()
		return
	}
	l.list = append(l.list, tailed{b, producer, seq, in})
	l.bytes += b.Size()
	for l.bytes > limit && len(l.list) > 1 {
		l.drop()
	}
	if t.memory() {
		h := l.list[0].batch.Header()
		t.first, t.firstByte = h.First, h.Before
	}
}

// drop removes the oldest.
func (l *tail) drop() {
	l.bytes -= l.list[0].batch.Size()
	l.list[0].batch.Release()
	l.list[0] = tailed{}
	l.list = l.list[1:]
}

func (l *tail) clear() {
	for len(l.list) > 0 {
		l.drop()
	}
	l.list = nil
}

// find answers the batch that holds a record.
func (l *tail) find(number uint64) (tailed, bool) {
	if len(l.list) == 0 || number < l.list[0].batch.Header().First {
		return tailed{}, false
	}
	lo, hi := 0, len(l.list)
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if l.list[mid].batch.Header().First <= number {
			lo = mid
		} else {
			hi = mid
		}
	}
	b := l.list[lo].batch
	return l.list[lo], number < b.Next()
}

// tailLimit is how many bytes the tail may hold. t.mu is held.
func (t *Topic) tailLimit() int {
	if t.memory() {
		return int(t.maxBytes())
	}
	if len(t.readers) == 0 {
		return 0
	}
	return max(tailLeast, min(tailBytes, tailAllBytes/max(1, int(t.store.reading.Load()))))
}
