package main

import (
	"bytes"
	"context"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// buffer is what a role prints.
type buffer struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all.String()
}

// startOnce runs a Space until it has announced itself, or failed.
func startOnce(t *testing.T, dir, listen string) (string, error) {
	t.Helper()
	var c spaceConfig
	cmd := &cobra.Command{Use: "space"}
	c.register(cmd.Flags())
	if err := cmd.ParseFlags([]string{"--data-dir", dir, "--listen", listen, "--log-level", "error"}); err != nil {
		t.Fatal(err)
	}
	s, err := load(settingsNamed(cmd, new(spaceConfig).register), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := &buffer{}
	done := make(chan error, 1)
	go func() { done <- runSpace(ctx, &c, s, out) }()
	for !strings.Contains(out.String(), "is Running!") {
		select {
		case err := <-done:
			return out.String(), err
		case <-time.After(time.Millisecond):
		}
	}
	cancel()
	return out.String(), <-done
}

// The first start may fail: the port is taken, the disk is full.
func TestTheAdminTokenIsShownByTheFirstStartThatWorks(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "space")
	if out, err := startOnce(t, dir, taken.Addr().String()); err == nil {
		t.Fatalf("started at a port that is taken: %s", out)
	}
	for i, want := range []bool{true, false, false} {
		out, err := startOnce(t, dir, "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out, "Admin token") != want {
			t.Errorf("start %d: %s", i, out)
		}
	}
}
