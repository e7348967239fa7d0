package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"
)

// Times of a server. Bodies have none of their own: streams last for ever, and
// a peer that is gone is found by the keepalive or the stall limit.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	stallTimeout      = 60 * time.Second // no byte taken while data waits
	maxHeaderBytes    = 64 << 10
	maxUnixPath       = 103 // of the systems we build for, the least
)

// Server serves one listener until its context ends.
type Server struct {
	Handler http.Handler
	Log     *slog.Logger
	TLS     *tls.Config   // nil: plain HTTP
	Grace   time.Duration // for short work at the end; 0 is 5 s
	Limit   int           // connections at a time; 0 is as many as files allow, at most 16,384
}

// Listen opens a TCP address; what Run serves there finds dead peers within a
// minute. ":0" takes a free port: ask the listener. 0.0.0.0 is all of IPv4 and
// no more, unlike in package net; no host, or ::, is all there is.
func Listen(ctx context.Context, addr string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3,
	}}
	network := "tcp"
	if at, err := netip.ParseAddrPort(addr); err == nil && at.Addr().Is4() {
		network = "tcp4"
	}
	return lc.Listen(ctx, network, addr)
}

// ListenUnix listens at path, in place of what an earlier process left there.
// Only this user can connect.
func ListenUnix(path string) (net.Listener, error) {
	if len(path) > maxUnixPath {
		return nil, fmt.Errorf("the path of socket %s has %d characters, the system takes %d: use a data dir with a shorter path", path, len(path), maxUnixPath)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove the socket of an earlier run: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Run serves l, closes it and returns when everything has ended. When ctx
// ends, long streams end at once (see Long), short requests have the grace
// time, and what is left then is cut.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	drain, startDrain := context.WithCancel(context.WithoutCancel(ctx))
	defer startDrain()
	base, cut := context.WithCancel(context.WithValue(context.WithoutCancel(ctx), drainKey{}, drain))
	defer cut()

	srv := &http.Server{
		Handler:           s.Handler,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		TLSConfig:         s.TLS,
		// HTTP/2 adds nothing a Hub needs, and its one connection would let a
		// stalled stream hold up the others.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
	}
	guarded := &listener{Listener: l, slots: make(chan struct{}, s.limit()), tls: s.TLS != nil}
	defer guarded.open.Wait()
	served := make(chan error, 1)
	go func() {
		if s.TLS != nil {
			served <- srv.ServeTLS(guarded, "", "")
			return
		}
		served <- srv.Serve(guarded)
	}()

	select {
	case err := <-served:
		return errors.Join(err, srv.Close())
	case <-ctx.Done():
	}
	startDrain()
	grace, done := context.WithTimeout(context.WithoutCancel(ctx), s.grace())
	defer done()
	err := srv.Shutdown(grace)
	if err != nil {
		s.Log.Info("cutting the connections that are left", "err", err)
		cut()
		err = srv.Close()
	}
	if serveErr := <-served; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	return err
}

func (s *Server) grace() time.Duration {
	if s.Grace > 0 {
		return s.Grace
	}
	return 5 * time.Second
}

func (s *Server) limit() int {
	if s.Limit > 0 {
		return s.Limit
	}
	// Half of the files are for connections: the Instances need the others.
	return min(max(openFiles()/2, 64), 16384)
}
