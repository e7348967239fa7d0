package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"github.com/libp2p/go-yamux/v5"
)

// yamuxFloor is the bare form of a Link: one stream of yamux over TLS, on which
// it sends pieces of 64 KiB for as long as somebody reads.
func yamuxFloor([]string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		return err
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}})
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	for {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := pourYamux(conn); err != nil {
				_ = conn.Close() // who read has gone
			}
		}()
	}
}

func pourYamux(conn net.Conn) error {
	session, err := yamux.Server(conn, yamuxConfig(), nil)
	if err != nil {
		return err
	}
	defer session.Close()
	stream, err := session.OpenStream(context.Background())
	if err != nil {
		return err
	}
	piece := make([]byte, streamPiece)
	for {
		if _, err := stream.Write(piece); err != nil {
			return err
		}
	}
}

// readYamux reads n bytes of a yamuxFloor and answers how long they took.
func readYamux(addr string, n int64) (time.Duration, error) {
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		return 0, err
	}
	session, err := yamux.Client(conn, yamuxConfig(), nil)
	if err != nil {
		return 0, err
	}
	defer session.Close()
	stream, err := session.AcceptStream()
	if err != nil {
		return 0, err
	}
	return timeRead(stream, n)
}

func yamuxConfig() *yamux.Config {
	c := yamux.DefaultConfig()
	c.LogOutput = io.Discard
	return c
}

// timeRead takes the time of n bytes after the first 8 MiB, in which windows
// grow.
func timeRead(r io.Reader, n int64) (time.Duration, error) {
	buf := make([]byte, streamPiece)
	read := func(n int64) error {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(struct{ io.Reader }{r}, n), buf)
		return err
	}
	if err := read(8 << 20); err != nil {
		return 0, err
	}
	began := time.Now()
	err := read(n)
	return time.Since(began), err
}
