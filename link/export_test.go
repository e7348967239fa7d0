package link

import (
	"crypto/x509"
	"testing"
	"time"
)

func set[T any](t testing.TB, v *T, to T) {
	old := *v
	*v = to
	t.Cleanup(func() { *v = old })
}

// SetShortAgain changes when a stream is taken for a small call again.
func SetShortAgain(t testing.TB, d time.Duration) { set(t, &shortAgain, d) }

// SetHeldMost changes what one session may hold unread.
func SetHeldMost(t testing.TB, n int) { set(t, &heldMost, n) }

// SetHelloTimeout changes how long the hello may take.
func SetHelloTimeout(t testing.TB, d time.Duration) { set(t, &helloTimeout, d) }

// SetBeats changes the heartbeat.
func SetBeats(t testing.TB, every, dead time.Duration) {
	set(t, &beatEvery, every)
	set(t, &deadAfter, dead)
}

// SetAttempts changes when another attempt of a dial begins.
func SetAttempts(t testing.TB, every time.Duration) { set(t, &attemptEvery, every) }

// HeldNow is what counts as unread.
func HeldNow(s *Session) int {
	s.held.mu.Lock()
	defer s.held.mu.Unlock()
	return s.held.total
}

// Waiting is how many bytes of bulk wait for the socket.
func Waiting(s *Session) int {
	s.shaper.mu.Lock()
	defer s.shaper.mu.Unlock()
	return s.shaper.queues[laneLive].bytes + s.shaper.queues[laneTopics].bytes
}

// Urgent tells that data waits that goes first.
func Urgent(s *Session) bool {
	s.shaper.mu.Lock()
	defer s.shaper.mu.Unlock()
	for _, f := range s.shaper.queues[laneControl].frames {
		if !f.mark {
			return true
		}
	}
	return false
}

// Check is what is asked of the certificates that a Space shows.
func (t Trust) Check(chain []*x509.Certificate, pin, host string) error {
	return t.check(chain, pin, host)
}
