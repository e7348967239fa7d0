package wire

import (
	"context"
	"errors"
	"net/http"
	"time"

	"waverider"
)

// OffsetHeader tells where in a stream a body begins, in bytes. In the answer
// of a GET: the offset of its first byte. In a POST of input: the offset of
// the body's first byte; what the program has already is skipped, so that a
// client can send again after a cut and nothing comes twice.
const OffsetHeader = "Waverider-Offset"

// CursorHeader is a place in a Topic: where an answer begins, as a trailer
// where it ended, and what a body was stored up to.
const CursorHeader = "Waverider-Cursor"

// errHead ends a handler that was asked for the headers of a stream only.
var errHead = errors.New("head request")

// errDraining is what a long stream ends with when the server stops.
var errDraining = waverider.Errorf(waverider.Unavailable, "the Hub is stopping")

type drainKey struct{}

// Long is the context of work that may take for ever: it ends when the client
// leaves, and as soon as the server begins to stop. The plain context of a
// request lives on for the time a stopping server gives to short work. Reads
// of the request's body end with it too.
func Long(w http.ResponseWriter, r *http.Request) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(r.Context())
	stops := []func() bool{context.AfterFunc(ctx, func() {
		// A body nobody sends would hold its reader: an error for the one who
		// left or must go. Errors mean there is no connection to speak of.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})}
	if drain, ok := r.Context().Value(drainKey{}).(context.Context); ok {
		stops = append(stops, context.AfterFunc(drain, func() { cancel(errDraining) }))
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel(nil)
	}
}

// Stopping is for work that goes on when its request has been answered, on a
// connection that was taken over: it ends as soon as the server begins to stop.
func Stopping(r *http.Request) context.Context {
	if drain, ok := r.Context().Value(drainKey{}).(context.Context); ok {
		return drain
	}
	return context.WithoutCancel(r.Context())
}

// Stream is an answer that goes on. Write hands bytes to the connection's
// buffer, Flush sends them.
type Stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// StreamOut starts an answer of unknown length: the status and the headers go
// out at once. Other headers must be set before. For HEAD it returns an error
// the handler passes on.
func StreamOut(w http.ResponseWriter, r *http.Request, contentType string) (*Stream, error) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("X-Accel-Buffering", "no") // nginx would collect it
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil, errHead
	}
	s := &Stream{w: w, rc: http.NewResponseController(w)}
	return s, s.Flush()
}

func (s *Stream) Write(p []byte) (int, error) { return s.w.Write(p) }

// Flush sends what was written.
func (s *Stream) Flush() error { return s.rc.Flush() }

// Continue answers "100 Continue" now to a client that waits for it. Reading
// the body does it too; this is for handlers that read later.
func Continue(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Expect") != "" {
		w.WriteHeader(http.StatusContinue)
	}
}
