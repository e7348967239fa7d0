//go:build linux

package testnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/internal/testnet"
)

func lab(t *testing.T) *testnet.Lab {
	t.Helper()
	l, err := testnet.OpenLab()
	if errors.Is(err, testnet.ErrUnable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		its := strings.TrimSuffix(l.Router().Name(), "router")
		if left, err := exec.Command("ip", "netns").Output(); err != nil || strings.Contains(string(left), its) {
			t.Errorf("left: %s, %v", left, err)
		}
	})
	return l
}

func add(t *testing.T, l *testnet.Lab, name string) *testnet.Node {
	t.Helper()
	n, err := l.Add(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// echo answers what it hears, at a port of a node.
func echo(t *testing.T, n *testnet.Node) (port string) {
	t.Helper()
	l, err := n.Listen(t.Context(), "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	ctx, stop := context.WithCancel(context.Background())
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { _ = c.Close() }) // it may never be told
			all.Go(func() { _, _ = io.Copy(c, c); _ = c.Close() })
		}
	})
	t.Cleanup(func() { _ = l.Close(); stop(); all.Wait() })
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func connect(t *testing.T, from, to *testnet.Node, port string) *net.TCPConn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp", net.JoinHostPort(to.Addr().String(), port))
	if err != nil {
		t.Fatal(err)
	}
	return own(t, c.(*net.TCPConn))
}

func TestALinkThatIsDownIsSilent(t *testing.T) {
	l := lab(t)
	a, b := add(t, l, "a"), add(t, l, "b")
	port := echo(t, b)
	c := connect(t, a, b, port)
	send(t, c, "hello")
	want(t, c, "hello")
	for name, cut := range map[string][2]func() error{"down": {a.Down, a.Up}, "dropped": {b.Drop, b.Pass}} {
		if err := cut[0](); err != nil {
			t.Fatal(err)
		}
		send(t, c, name)
		silent(t, c)
		short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := a.DialContext(short, "tcp", net.JoinHostPort(b.Addr().String(), port))
		cancel()
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: want no answer, got %v", name, err)
		}
		if err := cut[1](); err != nil {
			t.Fatal(err)
		}
		want(t, c, name)
	}
}

func TestAMovedNodeIsReachedAnew(t *testing.T) {
	l := lab(t)
	a, b := add(t, l, "a"), add(t, l, "b")
	port := echo(t, b)
	c := connect(t, a, b, port)
	before := a.Addr()
	if err := a.Move(); err != nil {
		t.Fatal(err)
	}
	if a.Addr() == before {
		t.Fatal("it has the address it had")
	}
	send(t, c, "x")
	silent(t, c)
	d := connect(t, a, b, port)
	send(t, d, "x")
	want(t, d, "x")
}

func TestALinkHasItsRate(t *testing.T) {
	l := lab(t)
	a, b := add(t, l, "a"), add(t, l, "b")
	c := connect(t, a, b, echo(t, b))
	pass := func(size int) time.Duration {
		began := time.Now()
		go func() { _, _ = c.Write(make([]byte, size)) }()
		if _, err := io.CopyN(io.Discard, c, int64(size)); err != nil {
			t.Fatal(err)
		}
		return time.Since(began)
	}
	if err := a.SetRate(20); err != nil {
		t.Fatal(err)
	}
	const size = 1 << 20 // 0.42 s
	if took := pass(size); took < 300*time.Millisecond || took > 5*time.Second {
		t.Errorf("%d bytes at 20 Mbit/s took %v", size, took)
	}
	if err := a.SetRate(0); err != nil {
		t.Fatal(err)
	}
	if took := pass(size); took > 300*time.Millisecond {
		t.Errorf("%d bytes without a limit took %v", size, took)
	}
}

func TestCommandsRunInTheirNode(t *testing.T) {
	l := lab(t)
	a := add(t, l, "a")
	var out strings.Builder
	cmd := exec.Command("ip", "-4", "-br", "addr")
	cmd.Stdout = &out
	if err := a.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), a.Addr().String()) {
		t.Errorf("%s, %v", &out, err)
	}
}

func TestAProxyStandsBetweenNodes(t *testing.T) {
	l := lab(t)
	a, b := add(t, l, "a"), add(t, l, "b")
	port := echo(t, b)
	p := open(t, testnet.Options{To: net.JoinHostPort(b.Addr().String(), port), Listen: "0.0.0.0:0", Near: l.Router(), Far: l.Router()})
	_, at, _ := net.SplitHostPort(p.Addr())
	c, err := a.DialContext(t.Context(), "tcp", net.JoinHostPort(a.Router().String(), at))
	if err != nil {
		t.Fatal(err)
	}
	own(t, c.(*net.TCPConn))
	p.SetBoth(testnet.Conditions{Delay: 60 * time.Millisecond})
	began := time.Now()
	send(t, c, "hello")
	want(t, c, "hello")
	if took := time.Since(began); took < 120*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestWhatAKilledRunHasLeftIsRemoved(t *testing.T) {
	lab(t)
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	left := fmt.Sprintf("wr-%d-1-left", dead.Process.Pid)
	if out, err := exec.Command("ip", "netns", "add", left).CombinedOutput(); err != nil {
		t.Fatalf("%s, %v", out, err)
	}
	alive := exec.Command("ip", "netns", "exec", left, "sleep", "1000")
	if err := alive.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = alive.Wait(); close(ended) }()
	inside := func() bool {
		pids, _ := exec.Command("ip", "netns", "pids", left).Output()
		return len(pids) > 0
	}
	for deadline := time.Now().Add(patience); !inside(); {
		if time.Now().After(deadline) {
			t.Fatal("the command never came into its namespace")
		}
	}
	lab(t)
	select {
	case <-ended:
	case <-time.After(patience):
		t.Error("what ran there is still there")
	}
	if _, err := os.Stat("/run/netns/" + left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s: %v", left, err)
	}
}
