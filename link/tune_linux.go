package link

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// notSent is how much may lie in the system's buffer that the line has not taken
// yet. What lies there cannot be overtaken any more.
const notSent = 32 << 10

// tune makes a connection good for both, bulk and calls. What the system does
// not know is left as it is.
func tune(c net.Conn) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	rc, err := raw.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, notSent)
		// BBR fills a line without filling the queues on the way, and does not take
		// a lost packet for a full line.
		_ = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, "bbr")
	})
}
