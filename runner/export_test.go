package runner

import (
	"net"
	"time"
)

// SetHelloTimeout shortens how long l waits for a HELLO. Call it before Run.
func SetHelloTimeout(l *Listener, d time.Duration) { l.helloTimeout = d }

// SetAckDelay sets the time between two acks. Call it before the runner comes.
func SetAckDelay(s *Session, d time.Duration) { s.ackDelay = d }

// Serve makes conn the connection of s once it has said hello.
func Serve(s *Session, conn net.Conn) error {
	f := NewFrameReader(conn)
	defer f.Release()
	hello, err := readHello(f)
	if err != nil {
		return err
	}
	return s.serve(conn, f, hello)
}

// Limits that tests come up to.
const (
	AckDelay    = ackDelay
	MaxMessages = maxMessages
	InputWindow = inputWindow
)
