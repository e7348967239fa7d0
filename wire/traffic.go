package wire

import (
	"net/http"
	"sync/atomic"
)

// Traffic counts what of one request has moved so far: bytes of its body that
// were read, and bytes of the answer's body that were written.
type Traffic struct{ in, out atomic.Int64 }

// Moved is both counts.
func (t *Traffic) Moved() (in, out int64) { return t.in.Load(), t.out.Load() }

type trafficKey struct{}

// TrafficOf is the count of r, which goes on while r is served.
func TrafficOf(r *http.Request) *Traffic {
	if t, ok := r.Context().Value(trafficKey{}).(*Traffic); ok {
		return t
	}
	return &Traffic{}
}
