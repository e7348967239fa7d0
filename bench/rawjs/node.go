package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// node is a server in a process of its own, alone or one of a cluster.
type node struct {
	name, dir      string
	client, routes string // addresses
	peers          []string
	cmd            *exec.Cmd
	stdin          io.Closer // the process ends with it
}

// serveNode is what a node's process does: it serves until its stdin ends.
func serveNode(args []string) error {
	flags := flag.NewFlagSet("rawjs node", flag.ExitOnError)
	dir := flags.String("dir", "", "`folder` of the node")
	name := flags.String("name", "", "name of the node")
	client := flags.String("client", "", "`address` for clients")
	routes := flags.String("routes", "", "`address` for other nodes; none: alone")
	peers := flags.String("peers", "", "`addresses` of all nodes, with commas")
	if err := flags.Parse(args); err != nil {
		return err
	}
	o := &server.Options{ServerName: *name, NoSigs: true, LogFile: filepath.Join(*dir, "log"), JetStream: true, StoreDir: *dir,
		SyncAlways: true, SyncInterval: 2 * time.Second, MaxPending: 256 << 20, MaxPayload: 1<<20 + 64<<10}
	at, err := net.ResolveTCPAddr("tcp", *client)
	if err != nil {
		return err
	}
	o.Host, o.Port = at.IP.String(), at.Port
	if *routes != "" {
		at, err := net.ResolveTCPAddr("tcp", *routes)
		if err != nil {
			return err
		}
		o.Cluster = server.ClusterOpts{Name: "raw", Host: at.IP.String(), Port: at.Port}
		for peer := range strings.SplitSeq(*peers, ",") {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats-route", Host: peer})
		}
	}
	s, err := server.NewServer(o)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(patience) {
		return errors.New("the server does not start")
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil
}

// newNodes makes nodes that know of each other, if there are several.
func newNodes(dir string, n int) ([]*node, error) {
	ports, err := freeAddresses(2 * n)
	if err != nil {
		return nil, err
	}
	var nodes []*node
	for i := range n {
		m := &node{name: fmt.Sprintf("n%d-%d", n, i), client: ports[i]}
		m.dir = filepath.Join(dir, m.name)
		if n > 1 {
			m.routes, m.peers = ports[n+i], ports[n:]
		}
		nodes = append(nodes, m)
	}
	return nodes, nil
}

// freeAddresses are ports that nobody listens on now.
func freeAddresses(n int) (addresses []string, err error) {
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer ln.Close() // not before all are taken
		addresses = append(addresses, ln.Addr().String())
	}
	return addresses, nil
}

// start runs the node's process and waits until it takes clients.
func (n *node) start(ctx context.Context) error {
	if err := os.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	n.cmd = exec.CommandContext(ctx, self, "node", "-dir", n.dir, "-name", n.name, "-client", n.client,
		"-routes", n.routes, "-peers", strings.Join(n.peers, ","))
	n.cmd.Stderr = os.Stderr
	stdin, inErr := n.cmd.StdinPipe()
	stdout, outErr := n.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr, n.cmd.Start()); err != nil {
		return err
	}
	n.stdin = stdin
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return fmt.Errorf("node %s does not start: %w", n.name, err)
	}
	return nil
}

// kill ends the process as the kernel would.
func (n *node) kill() error {
	err := n.cmd.Process.Signal(syscall.SIGKILL)
	_ = n.cmd.Wait() // killed: always an error
	return err
}

func (n *node) stop() {
	if n.stdin != nil {
		_ = n.stdin.Close()
		_ = n.cmd.Wait()
	}
}

// cluster is one node or three, with a stream that all of them have.
type cluster struct {
	nodes []*node
	conn  *nats.Conn
}

func startCluster(ctx context.Context, dir string, n int) (*cluster, error) {
	nodes, err := newNodes(dir, n)
	if err != nil {
		return nil, err
	}
	c := &cluster{nodes: nodes}
	started := make(chan error)
	for _, n := range nodes {
		go func() { started <- n.start(ctx) }()
	}
	for range nodes {
		err = errors.Join(err, <-started)
	}
	if err == nil {
		c.conn, err = nats.Connect(c.urls(), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.DontRandomize(),
			nats.RetryOnFailedConnect(true))
	}
	if err == nil {
		err = c.makeStream(ctx)
	}
	if err != nil {
		c.stop()
		return nil, err
	}
	return c, nil
}

func (c *cluster) urls() string {
	var all []string
	for _, n := range c.nodes {
		all = append(all, "nats://"+n.client)
	}
	return strings.Join(all, ",")
}

func (c *cluster) stop() {
	if c.conn != nil {
		c.conn.Close()
	}
	for _, n := range c.nodes {
		n.stop()
	}
}
