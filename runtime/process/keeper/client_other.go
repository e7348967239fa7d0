//go:build unix && !linux

package keeper

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Client runs programs within the Hub: a keeper needs Linux.
type Client = direct

// Connect readies the place; see direct for what it cannot do.
func Connect(_ context.Context, cfg Config) (*Client, error) { return connectDirect(cfg) }

// Main, InitMain and WardenMain are for Linux.
func Main([]string) int       { return notHere() }
func InitMain([]string) int   { return notHere() }
func WardenMain([]string) int { return notHere() }

func notHere() int {
	fmt.Fprintln(os.Stderr, "this command is for Linux only")
	return 2
}

// EndTree kills a group that nobody watches any more.
func EndTree(_ context.Context, c Child) error {
	if err := syscall.Kill(-c.PID, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		return err
	}
	return nil
}

// Program is the child itself.
func Program(c Child) int { return c.PID }

// Usage is not known here.
func Usage(c Child) (memory int64, cpu time.Duration, pids []int, err error) {
	if syscall.Kill(c.PID, 0) != nil {
		return 0, 0, nil, fmt.Errorf("usage of child %s: %w", c.ID, os.ErrProcessDone)
	}
	return 0, 0, []int{c.PID}, nil
}

// BootID is not known; handles of an earlier start are never found here.
func BootID() string { return "" }
