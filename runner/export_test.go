package runner

import "time"

// SetHelloTimeout shortens how long l waits for a HELLO. Call it before Run.
func SetHelloTimeout(l *Listener, d time.Duration) { l.helloTimeout = d }

// Limits that tests come up to.
const (
	AckDelay    = ackDelay
	MaxMessages = maxMessages
	InputWindow = inputWindow
)
