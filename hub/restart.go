package hub

import (
	"time"

	"waverider"
)

// Restart rules. A program that fails again and again is left alone after
// crashBudget failures within crashWindow.
const (
	backoffFirst = 500 * time.Millisecond
	backoffMost  = time.Minute
	crashBudget  = 10
	crashWindow  = 10 * time.Minute
)

// ended is how a run came to its end, as far as the restart rule cares.
type ended struct {
	wished  bool // somebody asked for it
	failed  bool // exit code other than 0, a signal, or an outage
	final   bool // starting it again can't help: no entry point, fails to load
	removed bool // the Instance was taken off the list
	again   bool // the Hub ended it, to start it again
}

// verdict is what becomes of an Instance after a run.
type verdict struct {
	restart bool
	after   time.Duration
	spent   bool // not restarted because the crash budget is used up
}

// decide applies the restart policy. failures are the times of earlier
// failures, oldest first, the one just seen included.
func decide(policy waverider.RestartPolicy, e ended, failures []time.Time, now time.Time) verdict {
	if e.again && !e.wished && !e.removed {
		return verdict{restart: true}
	}
	if e.wished || e.removed || policy == waverider.RestartNever || policy == "" {
		return verdict{}
	}
	if !e.failed {
		if policy == waverider.RestartAlways {
			return verdict{restart: true, after: backoffFirst}
		}
		return verdict{}
	}
	if e.final {
		return verdict{}
	}
	recent := len(within(failures, now))
	if recent >= crashBudget {
		return verdict{spent: true}
	}
	return verdict{restart: true, after: backoff(recent)}
}

// backoff doubles with each recent failure.
func backoff(recent int) time.Duration {
	d := backoffFirst
	for i := 1; i < recent && d < backoffMost; i++ {
		d *= 2
	}
	return min(d, backoffMost)
}

// within is those of the last crashWindow. One that is still to come was before
// the clock was set back, who knows when.
func within(failures []time.Time, now time.Time) []time.Time {
	kept := failures[:0:0]
	for _, t := range failures {
		if t.After(now.Add(-crashWindow)) && !t.After(now) {
			kept = append(kept, t)
		}
	}
	return kept
}

// remember adds a failure and forgets those that no longer count.
func remember(failures []time.Time, now time.Time) []time.Time {
	return append(within(failures, now), now)
}
