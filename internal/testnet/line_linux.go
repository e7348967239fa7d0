package testnet

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"time"
)

const largestPiece = 64 << 10

// How a stream goes on behind a piece.
const (
	goesOn  = iota
	ends    // as its sender wished
	isReset // it broke
)

// piece is bytes on their way.
type piece struct {
	there time.Time // when they may arrive
	data  []byte
	then  int
}

// line is one direction of one connection: bytes on their way, in order. It
// holds so many that it never is what limits a fast path with a long delay.
type line struct {
	path *path
	hold int // bytes it has room for

	mu    sync.Mutex
	queue []piece
	size  int
	last  time.Time // there of the newest piece: none overtakes it
	dead  bool      // nobody takes what comes

	more, room chan struct{} // one waits at each
	done       chan struct{} // closed when write has ended
}

func newLine(p *path, hold int) *line {
	return &line{path: p, hold: hold, more: make(chan struct{}, 1), room: make(chan struct{}, 1), done: make(chan struct{})}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// read puts in what comes from a connection, until its end or ctx's.
func (l *line) read(ctx context.Context, from net.Conn) {
	buf := make([]byte, largestPiece)
	for {
		n, err := from.Read(buf[:l.path.piece()])
		if n > 0 && !l.put(ctx, piece{there: l.path.depart(ctx, n), data: slices.Clone(buf[:n])}) {
			return
		}
		if err == nil {
			continue
		}
		then := isReset
		if errors.Is(err, io.EOF) {
			then = ends
		}
		l.put(ctx, piece{there: l.path.depart(ctx, 0), then: then})
		return
	}
}

// put waits for room.
func (l *line) put(ctx context.Context, p piece) bool {
	for {
		if ctx.Err() != nil {
			return false
		}
		l.mu.Lock()
		if l.dead || l.size+len(p.data) <= l.hold {
			break
		}
		l.mu.Unlock()
		select {
		case <-l.room:
		case <-ctx.Done():
			return false
		}
	}
	defer l.mu.Unlock()
	if l.dead {
		return true
	}
	if p.there.Before(l.last) {
		p.there = l.last
	}
	l.last = p.there
	l.queue = append(l.queue, p)
	l.size += len(p.data)
	wake(l.more)
	return true
}

// next waits for the oldest piece and for its time.
func (l *line) next(ctx context.Context) (p piece, ok bool) {
	for {
		l.mu.Lock()
		if len(l.queue) > 0 {
			p = l.queue[0]
			l.mu.Unlock()
			sleepUntil(ctx, p.there)
			return p, ctx.Err() == nil
		}
		l.mu.Unlock()
		select {
		case <-l.more:
		case <-ctx.Done():
			return p, false
		}
	}
}

// took makes room for what next has given.
func (l *line) took() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size -= len(l.queue[0].data)
	l.queue[0] = piece{}
	l.queue = l.queue[1:]
	wake(l.room)
}

// write gives everything to a connection in its time, while pass lets it. A
// connection that takes no more breaks the way back too.
func (l *line) write(ctx context.Context, to *net.TCPConn, pass func(context.Context) bool, back *line, from *net.TCPConn) {
	defer close(l.done)
	for {
		p, ok := l.next(ctx)
		if !ok || !pass(ctx) {
			return
		}
		_, err := to.Write(p.data)
		switch {
		case err != nil:
			l.drop()
			back.put(ctx, piece{there: back.path.depart(ctx, 0), then: isReset})
			select {
			case <-back.done: // it may have ended before
				reset(from)
			case <-ctx.Done():
			}
			return
		case p.then == ends:
			_ = to.CloseWrite() // the other direction tells if that is gone
			return
		case p.then == isReset:
			reset(to)
			return
		}
		l.took()
	}
}

// drop lets everything that comes fall.
func (l *line) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead, l.queue, l.size = true, nil, 0
	wake(l.room)
}

// reset closes a connection so that the other end sees a reset.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // of a connection that may be gone already
	_ = c.Close()
}
