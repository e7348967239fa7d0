package space

import (
	"fmt"
	"sync"
	"time"
)

// What one Hub makes happen is told one by one so many times, and after that so
// often: it can do it as often as it likes, and what else happened shall stay.
const (
	calmBurst = 30
	calmEvery = time.Minute
)

// calm bounds how often something of one Hub is told.
type calm struct {
	mu     sync.Mutex
	spent  int       // of calmBurst
	since  time.Time // when one of them came back last
	hidden int       // what was not told since the last that was
}

// tells says whether to tell of it now, and how many were not told before it.
func (c *calm) tells(now time.Time) (ok bool, hidden int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spent == 0 {
		c.since = now
	} else if n := int(now.Sub(c.since) / calmEvery); n > 0 {
		c.spent, c.since = max(0, c.spent-n), c.since.Add(time.Duration(n)*calmEvery)
	}
	if c.spent == calmBurst {
		c.hidden++
		return false, 0
	}
	c.spent++
	hidden, c.hidden = c.hidden, 0
	return true, hidden
}

// tell writes rec down unless there is too much of its kind, and says whether it
// did.
func (a *auditLog) tell(c *calm, rec auditRecord) bool {
	ok, hidden := c.tells(time.Now())
	if !ok {
		return false
	}
	if hidden > 0 {
		rec.Detail += fmt.Sprintf("; before it %d more, not told here", hidden)
	}
	a.add(rec)
	return true
}
