package link

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/libp2p/go-yamux/v5"

	"waverider/wire"
)

// socket is a websocket as a stream of bytes. It notes when it heard the peer
// last; whoever finds that too long ago closes it.
type socket struct {
	ws     *websocket.Conn
	below  wire.Corked // below TLS; nil: not known
	reader io.Reader
	made   time.Time    // of the clock that never jumps
	heard  atomic.Int64 // ns after made
	in     atomic.Uint64
	out    atomic.Uint64
	once   sync.Once
}

const (
	messageSize = 64<<10 - 128 // with its head, TLS and a cork it is written at once
	messageMax  = 2 * writeMax // more than a peer puts into one message
)

var writeBuffers sync.Pool

func socketOf(ws *websocket.Conn, below wire.Corked) *socket {
	s := &socket{ws: ws, below: below, made: time.Now()}
	s.heard.Store(int64(time.Since(s.made)))
	return s
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		if s.reader == nil {
			kind, r, err := s.ws.NextReader()
			if err != nil {
				return 0, socketError(err)
			}
			if kind != websocket.BinaryMessage {
				return 0, &Breach{"it sent text where bytes were expected"}
			}
			s.reader = r
		}
		n, err := s.reader.Read(p)
		if n > 0 {
			s.heard.Store(int64(time.Since(s.made)))
			s.in.Add(uint64(n))
		}
		if errors.Is(err, io.EOF) {
			s.reader, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, socketError(err)
		}
	}
}

// Write sends one message. One goroutine at a time writes.
func (s *socket) Write(p []byte) (int, error) {
	if s.below != nil {
		s.below.Hold()
	}
	err := s.ws.WriteMessage(websocket.BinaryMessage, p)
	if s.below != nil {
		err = errors.Join(err, s.below.Release())
	}
	if err != nil {
		return 0, socketError(err)
	}
	s.out.Add(uint64(len(p)))
	return len(p), nil
}

// writeText sends a message of the hello.
func (s *socket) writeText(ctx context.Context, text []byte) error {
	if d, ok := ctx.Deadline(); ok {
		if err := s.ws.SetWriteDeadline(d); err != nil {
			return err
		}
		defer s.ws.SetWriteDeadline(time.Time{})
	}
	return s.ws.WriteMessage(websocket.TextMessage, text)
}

// readText receives one.
func (s *socket) readText(ctx context.Context) ([]byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.ws.NetConn().SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	kind, text, err := s.ws.ReadMessage()
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, socketError(err)
	case kind != websocket.TextMessage:
		return nil, errors.New("the peer sent bytes where its hello was expected")
	}
	return text, nil
}

// silent is how long nothing was heard.
func (s *socket) silent() time.Duration { return time.Since(s.made) - time.Duration(s.heard.Load()) }

// Close ends it without a word: the peer may not be there.
func (s *socket) Close() (err error) {
	s.once.Do(func() {
		// First below TLS: that would say goodbye, and wait seconds for a peer that
		// takes nothing.
		if safe, ok := s.ws.NetConn().(*tls.Conn); ok {
			_ = safe.NetConn().Close() // what comes of it the next one tells
		}
		if err = s.ws.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
	})
	return err
}

// sessionError is why a session ended, of what yamux says.
func sessionError(err error) error {
	for _, e := range []error{yamux.ErrInvalidVersion, yamux.ErrInvalidMsgType, yamux.ErrDuplicateStream} {
		if errors.Is(err, e) {
			return &Breach{e.Error()}
		}
	}
	if text := err.Error(); strings.HasPrefix(text, "receive window exceeded") || strings.HasPrefix(text, "both yamux endpoints") {
		return &Breach{text}
	}
	return socketError(err)
}

// socketError is one for all ways in which a connection that was closed says so.
func socketError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		return &Breach{fmt.Sprintf("it sent a message of more than %d bytes", messageMax)}
	}
	var closed *websocket.CloseError
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &closed) {
		return io.EOF
	}
	return err
}

// pipe is a socket as yamux wants it: behind a shaper, and with an eye on what
// comes in.
type pipe struct {
	*shaper
	in            *intake
	local, remote net.Addr
}

func (p pipe) Read(b []byte) (int, error)     { return p.in.Read(b) }
func (p pipe) LocalAddr() net.Addr            { return p.local }
func (p pipe) RemoteAddr() net.Addr           { return p.remote }
func (pipe) SetDeadline(time.Time) error      { return nil }
func (pipe) SetReadDeadline(time.Time) error  { return nil }
func (pipe) SetWriteDeadline(time.Time) error { return nil }
