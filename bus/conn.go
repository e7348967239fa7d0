package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// A conn is a connection inside the process. Every request names a reply subject of its own below the inbox of the
// conn, and one subscription brings the answers to the calls that wait for them.
type conn struct {
	nats  *nats.Conn
	inbox string // ends with a dot

	mu     sync.Mutex
	last   uint64
	calls  map[uint64]*call
	frozen map[string]error // streams that take no more messages
	err    error            // set once the conn is closed
}

// A call waits for one or more answers to what it sent.
type call struct {
	conn   *conn
	id     uint64
	stream string // "": the call does not mind a frozen stream

	answers chan *nats.Msg // closed, under conn.mu, when no more can come
	err     error          // why it was closed
}

func connect(s *server.Server, name string, log *slog.Logger) (*conn, error) {
	c := &conn{calls: map[uint64]*call{}, frozen: map[string]error{}}
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name(name),
		nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectJitter(0, 0),
		nats.ReconnectBufSize(-1), // what cannot be sent fails at once
		nats.FlusherTimeout(answerWithin),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			c.failAll(fmt.Errorf("%w: connection lost: %w", ErrUnavailable, err))
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

// begin announces a call that gets at most n answers. The caller ends it.
func (c *conn) begin(stream string, n int) (*call, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, c.err
	}
	if err := c.frozen[stream]; err != nil {
		return nil, err
	}
	c.last++
	w := &call{conn: c, id: c.last, stream: stream, answers: make(chan *nats.Msg, n)}
	c.calls[w.id] = w
	return w, nil
}

func (w *call) end() {
	w.conn.mu.Lock()
	defer w.conn.mu.Unlock()
	delete(w.conn.calls, w.id)
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
func (w *call) next(ctx context.Context, late <-chan time.Time) (*nats.Msg, error) {
	select {
	case m, ok := <-w.answers:
		if !ok {
			return nil, w.err
		}
		return m, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-late:
		return nil, fmt.Errorf("%w: no answer in time", ErrUnavailable)
	}
}

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
	default: // more than was asked for
	}
}

// fail ends the calls that match. c.mu must be held.
func (c *conn) fail(err error, match func(*call) bool) {
	for id, w := range c.calls {
		if match(w) {
			w.err = err
			close(w.answers)
			delete(c.calls, id)
		}
	}
}

func (c *conn) failAll(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(err, func(*call) bool { return true })
}

// freeze fails everything that waits for a stream, now and later.
func (c *conn) freeze(stream string, cause error) {
	err := fmt.Errorf("%w: stream %q takes no more messages since a write failed: %w", ErrUnavailable, stream, cause)
	if errors.Is(cause, syscall.ENOSPC) || errors.Is(cause, syscall.EDQUOT) {
		err = fmt.Errorf("%w: stream %q takes no more messages: %w", ErrFull, stream, cause)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.frozen[stream] = err
	c.fail(err, func(w *call) bool { return w.stream == stream })
}

func (c *conn) close() {
	c.mu.Lock()
	c.err = fmt.Errorf("%w: it is shutting down", ErrUnavailable)
	c.fail(c.err, func(*call) bool { return true })
	c.mu.Unlock()
	c.nats.Close()
}
