package runner

import (
	"sync"
	"sync/atomic"
)

// Buffers come in size classes, so that what a small piece keeps in memory
// until it is acked is small too.
var bufferClasses = [...]int{1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10}

const (
	maxBuffer  = 256 << 10
	maxPayload = maxBuffer - HeaderSize // of one frame we make
)

var bufferPools [len(bufferClasses)]sync.Pool

// buffer is pooled memory shared by counting: the one who holds a reference
// may read it, the one who filled it may go on writing behind what it has
// handed out. Its first HeaderSize bytes are kept for a frame header, so that
// header and payload go out in one write.
type buffer struct {
	refs  atomic.Int32
	class int
	b     []byte
}

// getBuffer returns a buffer with room for n bytes behind the header, or with
// as much room as there is in the largest.
func getBuffer(n int) *buffer {
	class := 0
	for class < len(bufferClasses)-1 && bufferClasses[class] < n+HeaderSize {
		class++
	}
	b, _ := bufferPools[class].Get().(*buffer)
	if b == nil {
		b = &buffer{class: class, b: make([]byte, bufferClasses[class])}
	}
	b.refs.Store(1)
	return b
}

// room is the memory behind the header.
func (b *buffer) room() []byte { return b.b[HeaderSize:] }

func (b *buffer) retain() { b.refs.Add(1) }

func (b *buffer) shared() bool { return b.refs.Load() > 1 }

func (b *buffer) release() {
	switch left := b.refs.Add(-1); {
	case left == 0:
		bufferPools[b.class].Put(b)
	case left < 0:
		panic("runner: buffer released twice")
	}
}

// queue is a first-in, first-out list that reuses its memory. The zero value
// is empty.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int    { return len(q.items) - q.head }
func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }
func (q *queue[T]) last() *T    { return &q.items[len(q.items)-1] }

func (q *queue[T]) push(item T) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *queue[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
		if cap(q.items) > 64 {
			q.items = nil // a burst is over: an idle Session stays small
		}
	}
	return item
}

// signal wakes everyone who waits for a change of what Session.mu guards.
type signal struct{ ch chan struct{} }

// wait returns a channel that the next fire closes. Call both under the mutex.
func (g *signal) wait() <-chan struct{} {
	if g.ch == nil {
		g.ch = make(chan struct{})
	}
	return g.ch
}

func (g *signal) fire() {
	if g.ch != nil {
		close(g.ch)
		g.ch = nil
	}
}
