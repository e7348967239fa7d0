package bus

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// A conn is a connection inside the process. Every request names a reply subject of its own below the inbox of the
// conn, and one subscription brings the answers to the calls that wait for them.
type conn struct {
	nats  *nats.Conn
	inbox string        // ends with a dot
	slots chan struct{} // holds one for each call in progress; nil: any number may be

	mu     sync.Mutex
	last   uint64
	calls  map[uint64]*call
	frozen map[string]error // streams that take no more messages
	closed error            // set when calls are no longer taken
}

// A call waits for one or more answers to what it sent.
type call struct {
	conn   *conn
	id     uint64
	stream string      // fails when this stream freezes; "": with none
	late   *time.Timer // when it is too late for the next answer

	answers chan *nats.Msg // closed, under conn.mu, when no more can come
	err     error          // why it was closed
}

// connect makes a conn that lets so many calls in at a time, 0 for any number.
func connect(s *server.Server, name string, slots int, log *slog.Logger) (*conn, error) {
	c := &conn{calls: map[uint64]*call{}, frozen: map[string]error{}}
	if slots > 0 {
		c.slots = make(chan struct{}, slots)
	}
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name(name),
		nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), // what cannot be sent fails at once
		nats.FlusherTimeout(answerWithin),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.fail(fmt.Errorf("%w: connection lost: %w", ErrUnavailable, err), "")
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			log.Warn("connection to the engine", "conn", name, "err", err)
		}),
	)
	if err != nil {
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	c.nats = nc
	c.inbox = nc.NewInbox() + "."
	sub, err := nc.Subscribe(c.inbox+">", c.deliver)
	if err == nil {
		err = sub.SetPendingLimits(-1, -1) // no more comes than was asked for
	}
	if err == nil {
		err = nc.FlushTimeout(answerWithin)
	}
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("connect to the engine: %w", err)
	}
	return c, nil
}

// begin starts a call that gets at most n answers, each within the given time after the one before. It waits for a
// slot. The caller ends the call.
func (c *conn) begin(ctx context.Context, stream string, n int, within time.Duration) (*call, error) {
	w := &call{conn: c, stream: stream, late: time.NewTimer(within), answers: make(chan *nats.Msg, n)}
	if c.slots != nil {
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-w.late.C:
			return nil, fmt.Errorf("%w: it is busy with other calls", ErrUnavailable)
		}
	}
	if err := c.add(w); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

func (c *conn) add(w *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed != nil {
		return c.closed
	}
	if err := c.frozen[w.stream]; err != nil {
		return err
	}
	c.last++
	w.id = c.last
	c.calls[w.id] = w
	return nil
}

func (w *call) end() {
	c := w.conn
	w.late.Stop()
	c.mu.Lock()
	delete(c.calls, w.id)
	c.mu.Unlock()
	if c.slots != nil {
		<-c.slots
	}
}

// reply names the subject on which the answer with this number comes.
func (w *call) reply(number int) string {
	b := make([]byte, 0, 64)
	b = append(b, w.conn.inbox...)
	b = strconv.AppendUint(b, w.id, 10)
	b = append(b, '.')
	return string(strconv.AppendInt(b, int64(number), 10))
}

// number is the opposite of reply.
func (w *call) number(subject string) int {
	n, err := strconv.Atoi(subject[strings.LastIndexByte(subject, '.')+1:])
	if err != nil {
		return -1
	}
	return n
}

// next waits for an answer.
func (w *call) next(ctx context.Context) (*nats.Msg, error) {
	select {
	case m, ok := <-w.answers:
		if !ok {
			return nil, w.err
		}
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-w.late.C:
		return nil, fmt.Errorf("%w: no answer in time", ErrUnavailable)
	}
}

// deliver brings an answer to its call. It never waits: there is room for all that were asked for.
func (c *conn) deliver(m *nats.Msg) {
	id, _, _ := strings.Cut(m.Subject[len(c.inbox):], ".")
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.calls[n]
	if w == nil {
		return // nobody waits any more
	}
	select {
	case w.answers <- m:
	default:
	}
}

// send fails at once when there is no connection.
func (c *conn) send(m *nats.Msg) error {
	if err := c.nats.PublishMsg(m); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// fail ends the calls that wait for a stream, or with "" all of them.
func (c *conn) fail(err error, stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.failLocked(err, stream)
}

func (c *conn) failLocked(err error, stream string) {
	for id, w := range c.calls {
		if stream == "" || w.stream == stream {
			w.err = err
			close(w.answers)
			delete(c.calls, id)
		}
	}
}

// freeze fails the calls that wait for a stream, now and later.
func (c *conn) freeze(stream string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen[stream] = err
	c.failLocked(err, stream)
}

func (c *conn) thaw(stream string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.frozen, stream)
}

func (c *conn) close() {
	c.mu.Lock()
	c.closed = fmt.Errorf("%w: it is shutting down", ErrUnavailable)
	c.failLocked(c.closed, "")
	c.mu.Unlock()
	c.nats.Close()
}
