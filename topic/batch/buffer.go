package batch

import "sync"

// Buffers come in size classes, so that a batch of few records holds little
// memory. The two largest hold a full batch of usual records with its table,
// and any batch.
var bufferClasses = [...]int{512, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MaxData + 32<<10, MaxEncoded}

var bufferPools [len(bufferClasses)]sync.Pool

type buffer struct {
	class int
	b     []byte
}

// newBuffer returns a buffer of at least n bytes.
func newBuffer(n int) *buffer {
	class := 0
	for bufferClasses[class] < n {
		class++
	}
	b, _ := bufferPools[class].Get().(*buffer)
	if b == nil {
		b = &buffer{class, make([]byte, bufferClasses[class])}
	}
	return b
}

func (b *buffer) free() { bufferPools[b.class].Put(b) }

// grown returns a buffer of at least n bytes that begins with the first used
// bytes of b, and frees b if that is another. b may be nil.
func (b *buffer) grown(used, n int) *buffer {
	if b == nil {
		return newBuffer(n)
	}
	if n <= len(b.b) {
		return b
	}
	larger := newBuffer(n)
	copy(larger.b, b.b[:used])
	b.free()
	return larger
}
