package testnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// door is a listening address that can be shut and opened again. While it is
// shut a socket that is bound and does not listen keeps the port, so that
// nobody else gets it and connections are refused.
type door struct {
	in    *Node
	addr  string
	serve func(net.Listener) // takes what connects, until that is closed

	mu     sync.Mutex
	l      net.Listener // nil: shut
	keep   int          // the socket that holds the port
	closed bool
}

func openDoor(in *Node, addr string, serve func(net.Listener)) (*door, error) {
	d := &door{in: in, addr: addr, serve: serve, keep: -1}
	if err := d.open(); err != nil {
		return nil, err
	}
	d.addr = d.l.Addr().String()
	if err := in.do(d.hold); err != nil {
		return nil, errors.Join(fmt.Errorf("keep %s: %w", d.addr, err), d.close())
	}
	return d, nil
}

// hold binds the socket that keeps the port.
func (d *door) hold() error {
	addr := d.l.Addr().(*net.TCPAddr).AddrPort()
	var err error
	var to unix.Sockaddr = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
	family := unix.AF_INET6
	if addr.Addr().Is4() {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}
	}
	if d.keep, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := shared(d.keep); err != nil {
		return err
	}
	return unix.Bind(d.keep, to)
}

// shared lets two sockets have one port.
func shared(fd int) error {
	return errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}

// open lets connections in; if they are let in already it does nothing.
func (d *door) open() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.l != nil || d.closed {
		return nil
	}
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		return errors.Join(c.Control(func(fd uintptr) { err = shared(int(fd)) }), err)
	}}
	return d.in.do(func() (err error) {
		if d.l, err = config.Listen(context.Background(), "tcp", d.addr); err == nil {
			d.serve(d.l)
		}
		return err
	})
}

// shut refuses connections.
func (d *door) shut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.l != nil {
		_ = d.l.Close() // it refuses whatever this says
		d.l = nil
	}
}

func (d *door) close() error {
	d.shut()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || d.keep < 0 {
		return nil
	}
	d.closed = true
	return unix.Close(d.keep)
}
