package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// Node is a network namespace of a Lab: one machine, as far as the network goes.
// Its address is reached from its own namespace as well while its link is down.
type Node struct {
	lab  *Lab
	name string
	port string // of the router, its end of the link
	addr netip.Addr
	gate netip.Addr // of the router, on the link
}

// Name is that of the namespace, for ip netns.
func (n *Node) Name() string { return n.name }

// Addr is the address.
func (n *Node) Addr() netip.Addr { return n.addr }

// Router is the router's address in the Node's network.
func (n *Node) Router() netip.Addr { return n.gate }

// Down takes the link down: what is sent is gone, and nobody is told.
func (n *Node) Down() error { return n.lab.router.ip("link", "set", n.port, "down") }

// Up takes the link up again.
func (n *Node) Up() error { return n.lab.router.ip("link", "set", n.port, "up") }

// Drop lets the router drop all that comes from the Node and goes to it; the
// link itself stays, as with a fault farther away.
func (n *Node) Drop() error {
	return errors.Join(n.lab.router.ip("rule", "add", "priority", "50", "from", n.addr.String(), "blackhole"),
		n.lab.router.ip("rule", "add", "priority", "50", "to", n.addr.String(), "blackhole"))
}

// Pass takes Drop back.
func (n *Node) Pass() error {
	return errors.Join(n.lab.router.ip("rule", "del", "from", n.addr.String(), "blackhole"),
		n.lab.router.ip("rule", "del", "to", n.addr.String(), "blackhole"))
}

// SetRate limits both directions of the link, in Mbit/s; 0 takes it back.
func (n *Node) SetRate(mbit int) error {
	for _, end := range []struct {
		in  *Node
		dev string
	}{{n, "eth0"}, {n.lab.router, n.port}} {
		args := []string{"ip", "netns", "exec", end.in.name, "tc", "qdisc", "replace", "dev", end.dev, "root"}
		if mbit > 0 {
			args = append(args, "tbf", "rate", fmt.Sprint(mbit, "mbit"), "burst", "32kbit", "latency", "50ms")
		} else {
			args = append(args, "noqueue")
		}
		if err := run(args...); err != nil {
			return err
		}
	}
	return nil
}

// Move gives the Node another address, in another network. Connections of the
// one before are not told.
func (n *Node) Move() error {
	n.lab.nets++
	net := func(host int) string { return fmt.Sprintf("10.77.%d.%d", n.lab.nets, host) }
	router := n.lab.router
	err := errors.Join(router.ip("addr", "flush", "dev", n.port), n.ip("addr", "flush", "dev", "eth0"))
	if err != nil {
		return err
	}
	n.addr, n.gate = netip.MustParseAddr(net(2)), netip.MustParseAddr(net(1))
	return errors.Join(router.ip("addr", "add", net(1)+"/24", "dev", n.port), n.ip("addr", "add", net(2)+"/24", "dev", "eth0"),
		n.ip("route", "add", "default", "via", net(1)))
}

func (n *Node) ip(args ...string) error {
	return run(append([]string{"ip", "-n", n.name}, args...)...)
}

// Start starts a command in the Node.
func (n *Node) Start(cmd *exec.Cmd) error { return n.do(cmd.Start) }

// DialContext connects from the Node; nil is this process's own network. addr
// is no name.
func (n *Node) DialContext(ctx context.Context, network, addr string) (conn net.Conn, err error) {
	if _, err := netip.ParseAddrPort(addr); err != nil {
		return nil, err
	}
	err = n.do(func() (err error) {
		conn, err = (&net.Dialer{}).DialContext(ctx, network, addr)
		return err
	})
	return conn, err
}

// Listen listens in the Node; nil is this process's own network.
func (n *Node) Listen(ctx context.Context, addr string) (l net.Listener, err error) {
	err = n.do(func() (err error) {
		l, err = (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		return err
	})
	return l, err
}

// do calls f with the network of the Node; what f leaves to other goroutines
// has not.
func (n *Node) do(f func() error) error {
	if n == nil {
		return f()
	}
	at, err := os.Open(filepath.Join(namespaces, n.name))
	if err != nil {
		return err
	}
	defer at.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		if err := unix.Setns(int(at.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter %s: %w", n.name, err)
			return
		}
		done <- f()
	}()
	return <-done
}
