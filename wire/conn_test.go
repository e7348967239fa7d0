package wire

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// slowConn takes size bytes a Write and then lets the deadline pass.
type slowConn struct {
	net.Conn
	deadline time.Time
	size     int
	taken    int
}

func (c *slowConn) SetWriteDeadline(t time.Time) error { c.deadline = t; return nil }

func (c *slowConn) Write(p []byte) (int, error) {
	if len(p) <= c.size {
		c.taken += len(p)
		return len(p), nil
	}
	c.taken += c.size
	time.Sleep(time.Until(c.deadline))
	return c.size, os.ErrDeadlineExceeded
}

func TestSlowReaderIsKeptAndStalledOneIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowConn{size: 10}
		c := &conn{Conn: slow}
		if n, err := c.Write(make([]byte, 95)); n != 95 || err != nil || slow.taken != 95 {
			t.Errorf("slow: %d, %v", n, err)
		}
		stalled := &slowConn{size: 0}
		c = &conn{Conn: stalled}
		begin := time.Now()
		if n, err := c.Write(make([]byte, 95)); n != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("stalled: %d, %v", n, err)
		}
		if took := time.Since(begin); took != stallTimeout {
			t.Errorf("cut after %s", took)
		}
	})
}

func TestIdleStreamIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &slowConn{size: 100}
		c := &conn{Conn: peer}
		for range 3 {
			time.Sleep(10 * time.Minute)
			if _, err := io.WriteString(c, "beat"); err != nil {
				t.Fatal(err)
			}
			if left := time.Until(peer.deadline); left != stallTimeout {
				t.Errorf("deadline in %s", left)
			}
		}
	})
}

func TestDeadlineOfAHandlerWins(t *testing.T) {
	peer := &slowConn{size: 100}
	c := &conn{Conn: peer}
	at := time.Now().Add(time.Second)
	if err := c.SetWriteDeadline(at); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "x"); err != nil || !peer.deadline.Equal(at) {
		t.Errorf("deadline %v, %v", peer.deadline, err)
	}
}
