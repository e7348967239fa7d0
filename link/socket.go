package link

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// socket is a websocket as a stream of bytes. It notes when it heard the peer
// last; whoever finds that too long ago closes it.
type socket struct {
	ws     *websocket.Conn
	ctx    context.Context
	cancel context.CancelFunc
	reader io.Reader
	heard  atomic.Int64 // Unix ns
	in     atomic.Uint64
	out    atomic.Uint64
	once   sync.Once
}

// messageMax is more than a peer puts into one message.
const messageMax = 2 * writeMax

func newSocket(ws *websocket.Conn) *socket {
	ws.SetReadLimit(messageMax)
	s := &socket{ws: ws}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.heard.Store(time.Now().UnixNano())
	return s
}

func (s *socket) Read(p []byte) (int, error) {
	for {
		if s.reader == nil {
			kind, r, err := s.ws.Reader(s.ctx)
			if err != nil {
				return 0, socketError(err)
			}
			if kind != websocket.MessageBinary {
				return 0, errors.New("the peer sent text where bytes were expected")
			}
			s.reader = r
		}
		n, err := s.reader.Read(p)
		if n > 0 {
			s.heard.Store(time.Now().UnixNano())
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

func (s *socket) Write(p []byte) (int, error) {
	if err := s.ws.Write(s.ctx, websocket.MessageBinary, p); err != nil {
		return 0, socketError(err)
	}
	s.out.Add(uint64(len(p)))
	return len(p), nil
}

// silent is how long nothing was heard.
func (s *socket) silent() time.Duration { return time.Since(time.Unix(0, s.heard.Load())) }

// Close ends it without a word: the peer may not be there.
func (s *socket) Close() (err error) {
	s.once.Do(func() {
		s.cancel()
		err = s.ws.CloseNow()
	})
	return err
}

// socketError is one for all ways in which a connection that was closed says so.
func socketError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.Canceled) || websocket.CloseStatus(err) >= 0 {
		return io.EOF
	}
	return err
}

// pipe is a socket as yamux wants it, behind a shaper.
type pipe struct {
	*shaper
	local, remote net.Addr
}

func (p pipe) LocalAddr() net.Addr            { return p.local }
func (p pipe) RemoteAddr() net.Addr           { return p.remote }
func (pipe) SetDeadline(time.Time) error      { return nil }
func (pipe) SetReadDeadline(time.Time) error  { return nil }
func (pipe) SetWriteDeadline(time.Time) error { return nil }

// where is an address that is known as text only.
type where string

func (where) Network() string  { return "link" }
func (w where) String() string { return string(w) }
