package link

import (
	"testing"
	"time"
)

// SetShortAgain changes when a stream is taken for a small call again.
func SetShortAgain(t testing.TB, d time.Duration) {
	old := shortAgain
	shortAgain = d
	t.Cleanup(func() { shortAgain = old })
}
