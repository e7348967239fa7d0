package link

import "sync"

// Frames are of three sorts: those without data, which are not worth a pool, small
// ones, and those that are about full.
const (
	tinyFrame  = 64
	smallFrame = 1 << 10
)

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallFrame]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([writeMax + yamuxHead]byte) }}
)

// getBuffer is n bytes, to be given back by putBuffer.
func getBuffer(n int) []byte {
	switch {
	case n <= tinyFrame:
		return make([]byte, n)
	case n <= smallFrame:
		return smallBuffers.Get().(*[smallFrame]byte)[:n]
	case n <= writeMax+yamuxHead:
		return largeBuffers.Get().(*[writeMax + yamuxHead]byte)[:n]
	}
	return make([]byte, n)
}

func putBuffer(p []byte) {
	switch cap(p) {
	case smallFrame:
		smallBuffers.Put((*[smallFrame]byte)(p[:smallFrame]))
	case writeMax + yamuxHead:
		largeBuffers.Put((*[writeMax + yamuxHead]byte)(p[:writeMax+yamuxHead]))
	}
}
