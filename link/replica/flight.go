package replica

import (
	"context"
	"sync"
)

// flight is what a sender has sent and the receiver has not acked.
type flight struct {
	window int

	mu      sync.Mutex
	sent    []parcel      // oldest first; some are told as one
	size    int           // bytes of them
	last    place         // after the last frame of this stream
	acked   place         // of this stream
	told    place         // where the receiver is
	covered uint64        // all records before it are sent, or not to be sent
	room    chan struct{} // holds one when there may be
}

// parcel is frames that are freed together.
type parcel struct {
	after place
	size  int
}

// parcelSize is what parcels are filled up to, so that few are many small frames.
const parcelSize = 16 << 10

func newFlight(window int, at place, begin uint64) *flight {
	return &flight{window: window, told: at, covered: begin, room: make(chan struct{}, 1)}
}

// reserve waits until so many bytes more may be sent; what is larger than the
// window may be sent alone.
func (f *flight) reserve(ctx context.Context, n int) (waited bool, err error) {
	for {
		f.mu.Lock()
		ok := f.size == 0 || f.size+n <= f.window
		f.mu.Unlock()
		if ok {
			return waited, nil
		}
		waited = true
		select {
		case <-f.room:
		case <-ctx.Done():
			return waited, context.Cause(ctx)
		}
	}
}

// send notes frames that are about to be sent.
func (f *flight) send(after place, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = after
	f.size += n
	if i := len(f.sent) - 1; i > 0 && f.sent[i].size+n <= parcelSize {
		f.sent[i] = parcel{after, f.sent[i].size + n}
	} else {
		f.sent = append(f.sent, parcel{after, n})
	}
}

// cover notes that nothing before a number is left to be sent. It answers how far
// the durable reader may go.
func (f *flight) cover(number uint64) (to uint64, at place) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.covered = number
	return f.reach(), f.told
}

// ack notes what the receiver has, and answers how far the durable reader may go.
func (f *flight) ack(at place) (to uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at.before(f.acked) || f.last.before(at) {
		return 0, breach("an ack of %d of epoch %d; it had %d of %d, and was sent up to %d of %d",
			at.End, at.Epoch, f.acked.End, f.acked.Epoch, f.last.End, f.last.Epoch)
	}
	f.acked, f.told = at, at
	n := 0
	for n < len(f.sent) && !at.before(f.sent[n].after) {
		f.size -= f.sent[n].size
		n++
	}
	if f.sent = f.sent[n:]; len(f.sent) == 0 {
		f.sent = nil
	}
	select {
	case f.room <- struct{}{}:
	default:
	}
	return f.reach(), nil
}

// reach is the number everything before which is acked, or not to be sent. f.mu
// is held.
func (f *flight) reach() uint64 {
	switch {
	case f.acked == f.last:
		return f.covered
	case f.acked == place{}:
		return 0
	}
	return min(f.acked.End, f.covered)
}
