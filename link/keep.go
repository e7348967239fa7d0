package link

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"waverider"
)

// Waits between dials. All Hubs of a Space that was started anew come back
// within a few seconds, and not all at once.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = time.Second
	refusedFor = 30 * time.Second // after a refusal
	goodAfter  = 10 * time.Second // a session that lasted so long was a good one
)

// Keep calls dial and serves what it answers, for ever: it returns when ctx ends.
// tell hears of each error that kept it from a session, and of the end of each;
// now wakes it when something has changed that may help.
func Keep(ctx context.Context, now <-chan struct{}, dial func(context.Context) (*Session, error), serve func(context.Context, *Session) error, tell func(error)) {
	fails := 0
	for ctx.Err() == nil {
		s, err := dial(ctx)
		if err == nil {
			began := time.Now()
			if err = serve(ctx, s); time.Since(began) > goodAfter {
				fails = 0
			}
			s.Close(err)
		}
		if ctx.Err() != nil {
			return
		}
		tell(err)
		wait := backoff(fails)
		fails++
		var r *Refused
		if errors.As(err, &r) && (r.Kind == waverider.Forbidden || r.Kind == waverider.Conflict || r.Kind == waverider.Unauthorized) {
			wait = jitter(refusedFor)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-now:
			fails = 0
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// backoff doubles the wait with each failure, up to retryMost.
func backoff(fails int) time.Duration {
	return jitter(min(retryFirst<<min(fails, 10), retryMost))
}

// jitter is something between a half of d and all of it.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d/2+1)
}

func decodeLimited(r io.ReadCloser, v any) error {
	defer r.Close()
	return json.NewDecoder(io.LimitReader(r, 64<<10)).Decode(v)
}
