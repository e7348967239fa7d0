package link

import "sync"

// Frames are of two sorts: small ones, and those that are about full.
const smallFrame = 1 << 10

var (
	smallBuffers = sync.Pool{New: func() any { return new([smallFrame]byte) }}
	largeBuffers = sync.Pool{New: func() any { return new([writeMax + yamuxHead]byte) }}
)

// getBuffer is n bytes, to be given back by putBuffer.
func getBuffer(n int) []byte {
	switch {
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
