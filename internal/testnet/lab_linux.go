package testnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ErrUnable says that no namespaces can be made here.
var ErrUnable = errors.New("network namespaces need root, and the commands ip and tc")

// Lab is network namespaces: a router, and Nodes that reach each other through
// it. Nothing of it is connected with this machine's own network.
//
// Their names are wr-PID-COUNT-NAME. What runs that were killed have left is
// removed when a Lab is opened, by that PID.
type Lab struct {
	prefix string
	router *Node
	nodes  []*Node
	nets   int // subnets given out
}

var labs atomic.Int64

const namespaces = "/run/netns" // where ip keeps them

// OpenLab makes the router. Its error is ErrUnable where there can't be one.
func OpenLab() (*Lab, error) {
	if os.Geteuid() != 0 {
		return nil, ErrUnable
	}
	for _, tool := range []string{"ip", "tc"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnable, err)
		}
	}
	if err := sweep(); err != nil {
		return nil, fmt.Errorf("remove namespaces that were left: %w", err)
	}
	l := &Lab{prefix: fmt.Sprintf("wr-%d-%d-", os.Getpid(), labs.Add(1))}
	router, err := l.node("router")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnable, err)
	}
	l.router = router
	forward := func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }
	if err := router.do(forward); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Router is the namespace between all the others.
func (l *Lab) Router() *Node { return l.router }

// Add makes a Node, with an address and a link to the router. The name is at
// most 8 letters.
func (l *Lab) Add(name string) (*Node, error) {
	n, err := l.node(name)
	if err != nil {
		return nil, err
	}
	l.nodes = append(l.nodes, n)
	n.port = "to-" + name
	err = l.router.ip("link", "add", n.port, "type", "veth", "peer", "name", "eth0", "netns", n.name)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(l.router.ip("link", "set", n.port, "up"), n.ip("link", "set", "eth0", "up")); err != nil {
		return nil, err
	}
	return n, n.Move()
}

// node makes a namespace.
func (l *Lab) node(name string) (*Node, error) {
	n := &Node{lab: l, name: l.prefix + name}
	if err := run("ip", "netns", "add", n.name); err != nil {
		return nil, err
	}
	return n, n.ip("link", "set", "lo", "up")
}

// Close removes all of it, and ends what still runs there.
func (l *Lab) Close() (err error) {
	for _, n := range append(l.nodes, l.router) {
		err = errors.Join(err, remove(n.name))
	}
	return err
}

// sweep removes what killed runs have left.
func sweep() error {
	entries, err := os.ReadDir(namespaces)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		parts := strings.SplitN(e.Name(), "-", 4)
		if len(parts) < 4 || parts[0] != "wr" {
			continue
		}
		pid, bad := strconv.Atoi(parts[1])
		if _, count := strconv.Atoi(parts[2]); bad != nil || count != nil || syscall.Kill(pid, 0) == nil {
			continue
		}
		err = errors.Join(err, remove(e.Name()))
	}
	return err
}

// remove removes a namespace with all that runs in it.
func remove(name string) error {
	pids, err := exec.Command("ip", "netns", "pids", name).Output()
	if err != nil {
		return fmt.Errorf("processes in %s: %w", name, err)
	}
	for _, field := range strings.Fields(string(pids)) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
		}
	}
	return run("ip", "netns", "del", filepath.Base(name))
}

const toolPatience = 10 * time.Second

func run(args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), toolPatience)
	defer cancel()
	out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
