package link_test

import (
	"syscall"
	"testing"
)

// shrink makes a listener queue one connection only.
func shrink(t testing.TB, c syscall.RawConn) {
	t.Helper()
	if err := c.Control(func(fd uintptr) { _ = syscall.Listen(int(fd), 0) }); err != nil {
		t.Fatal(err)
	}
}
