package logfile

import "time"

// SetHoldTime shortens how long a silent reader holds.
func (l *Log) SetHoldTime(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.holdFor = d
}
