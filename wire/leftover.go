package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"
)

// What a handler leaves of a request's body is in the way of the next request.
// The standard server waits for it: for ever, when the client keeps its body
// open and silent, as one that feeds an Instance does. So a little of it is
// dropped here, and else the connection takes no more.
const (
	leftoverBytes = 256 << 10
	leftoverTime  = 200 * time.Millisecond
)

// tracked is a request's body that remembers whether it was read to its end.
type tracked struct {
	io.ReadCloser
	ended atomic.Bool
	moved *Traffic
}

func (b *tracked) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.moved.in.Add(int64(n))
	if errors.Is(err, io.EOF) {
		b.ended.Store(true)
	}
	return n, err
}

// track puts a tracked body into r, which must be the handler's own copy. It
// is nil for requests without a body.
func track(r *http.Request, moved *Traffic) *tracked {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil
	}
	b := &tracked{ReadCloser: r.Body, moved: moved}
	r.Body = b
	return b
}

// long reports a body that is not worth reading to keep a connection.
func (b *tracked) long(r *http.Request) bool {
	return b != nil && !b.ended.Load() && (r.ContentLength < 0 || r.ContentLength > leftoverBytes)
}

// settle ends the request's side of the connection: it drops a short rest of
// the body, or makes the connection take no more.
func (b *tracked) settle(w http.ResponseWriter, r *http.Request) {
	if b == nil || b.ended.Load() {
		return
	}
	rc := http.NewResponseController(w)
	if r.Header.Get("Expect") == "" && !b.long(r) {
		_ = rc.Flush() // the answer need not wait for it
		if rc.SetReadDeadline(time.Now().Add(leftoverTime)) == nil {
			_, _ = io.CopyN(io.Discard, b, leftoverBytes)
		}
	}
	if !b.ended.Load() {
		stopReading(r)
	}
}

// LeaveBody ends the reading of a request's body, wherever it is read, and with
// it the connection, once this request is answered. A body that has ended is
// left alone: the server waits behind it for the client to leave, and would
// take an error there for that, on this request and on all that follow.
func LeaveBody(r *http.Request) {
	if b, ok := r.Body.(*tracked); ok && !b.ended.Load() {
		stopReading(r)
	}
}

type connKey struct{}

// withConn lets handlers find the connection of their request.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf is the connection that r came by, below TLS, and the bare one of the
// system; nil when it is none of a Server.
func ConnOf(r *http.Request) (c Corked, bare net.Conn) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		return c, c.Conn
	}
	return nil, nil
}

func stopReading(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.deaf.Store(true)
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0)) // wakes a Read
	}
}

// Read ends for good once the connection takes no more.
func (c *conn) Read(p []byte) (int, error) {
	if c.deaf.Load() {
		return 0, io.EOF
	}
	read := c.Conn.Read
	if c.tls {
		read = func(p []byte) (int, error) { return c.in.read(c.Conn, p) }
	}
	n, err := read(p)
	if c.deaf.Load() && n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, io.EOF
	}
	return n, err
}

// lingerTime is how long a client that is still sending may take to read the
// answer that ended its request: closing at once would reset the connection
// and could take the answer with it.
const lingerTime = time.Second

// linger closes a connection that takes no more, after the peer has had time.
func (c *conn) linger() {
	defer c.from.open.Done()
	if c.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.Copy(io.Discard, c.Conn)
	}
	_ = c.Conn.Close()
}
