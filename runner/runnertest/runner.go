package runnertest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"waverider/runner"
)

// ErrClosed is what the methods of a closed Runner return.
var ErrClosed = errors.New("runnertest: closed")

// Config says how a Runner connects. Path and Key are needed.
type Config struct {
	Path     string
	Key      string
	Instance string
	Language string // "go" when empty
	Window   int    // credit of the input; 4 MiB when 0
	Retry    time.Duration
	// Wrap, when set, stands between the Runner and each of its connections.
	Wrap func(net.Conn) net.Conn
}

// Runner is a fake runner. It connects again whenever its channel breaks.
type Runner struct {
	cfg    Config
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	conn    net.Conn
	welcome runner.Welcome
	connect int // connections that were welcomed
	closed  bool
	in      input
	out     output
	msgs    messages
}

type input struct {
	received, consumed uint64
	buf                []byte // [consumed, received)
	ended              bool
	contentType        string
}

type output struct {
	acked, next, limit uint64
	kept               []byte // [acked, next)
	ended, endAcked    bool
	marks              []runner.Mark // the newest one up to acked, and all behind it
	forgotten          int           // marks before those
}

type messages struct {
	sent    [][]byte // payloads of acked+1, acked+2, …
	acked   uint64
	queued  []runner.Message
	got     uint64 // last one queued
	handled uint64
}

// New starts a Runner. Close ends it.
func New(cfg Config) *Runner {
	if cfg.Window == 0 {
		cfg.Window = 4 << 20
	}
	if cfg.Language == "" {
		cfg.Language = "go"
	}
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Millisecond
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &Runner{cfg: cfg, cancel: cancel, done: make(chan struct{})}
	r.changed = sync.NewCond(&r.mu)
	go r.run(ctx)
	return r
}

// FromEnv starts a Runner in a process that was started as one.
func FromEnv() (*Runner, error) {
	path, key := os.Getenv("WAVERIDER_CHANNEL"), os.Getenv("WAVERIDER_KEY")
	if path == "" || key == "" {
		return nil, errors.New("runnertest: WAVERIDER_CHANNEL and WAVERIDER_KEY are not both set")
	}
	return New(Config{Path: path, Key: key}), nil
}

// Close ends the Runner as the death of its process would: what the Hub has
// not taken from the channel yet stays in the socket.
func (r *Runner) Close() error {
	r.mu.Lock()
	r.closed = true
	conn := r.conn
	r.changed.Broadcast()
	r.mu.Unlock()
	r.cancel()
	if conn != nil {
		conn.Close()
	}
	<-r.done
	return nil
}

// Cut breaks the present connection, if any. The Runner connects again.
func (r *Runner) Cut() {
	r.mu.Lock()
	conn := r.conn
	r.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// Connections is how many times the Runner was welcomed.
func (r *Runner) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.connect
}

// Welcome is the Hub's last WELCOME.
func (r *Runner) Welcome() runner.Welcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.welcome
}

// Read reads input; io.EOF at its end. What is read is given credit for.
func (r *Runner) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.in.buf) == 0 {
		if r.in.ended {
			return 0, io.EOF
		}
		if r.closed {
			return 0, ErrClosed
		}
		r.changed.Wait()
	}
	n := copy(p, r.in.buf)
	r.in.buf = r.in.buf[n:]
	r.in.consumed += uint64(n)
	r.changed.Broadcast()
	return n, nil
}

// Write adds to the output; it blocks without credit.
func (r *Runner) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	total := 0
	for len(p) > 0 {
		credit := int(r.out.limit) - int(r.out.next)
		switch {
		case r.closed:
			return total, ErrClosed
		case r.out.ended:
			return total, errors.New("runnertest: write after end")
		case credit <= 0:
			r.changed.Wait()
			continue
		}
		n := min(len(p), credit)
		r.out.kept = append(r.out.kept, p[:n]...)
		r.out.next += uint64(n)
		total += n
		p = p[n:]
		r.changed.Broadcast()
	}
	return total, nil
}

// Mark tells how much of the input is finished now, when what was written so
// far has come. Marks must not go back.
func (r *Runner) Mark(done, n uint64, exact bool) {
	r.change(func() {
		r.out.marks = append(r.out.marks, runner.Mark{Offset: r.out.next, Done: done, N: n, Exact: exact})
	})
}

// End ends the output.
func (r *Runner) End() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.out.ended = true
	r.changed.Broadcast()
}

// Drain waits until the Hub has acked all output, END too.
func (r *Runner) Drain() error {
	return r.until(func() bool { return r.out.endAcked })
}

// Send sends a control message; it never blocks.
func (r *Runner) Send(typ string, fields map[string]any) error {
	all := map[string]any{"type": typ}
	for k, v := range fields {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.msgs.sent = append(r.msgs.sent, body)
	r.changed.Broadcast()
	return nil
}

// Flushed waits until the Hub has handled every message sent.
func (r *Runner) Flushed() error {
	return r.until(func() bool { return len(r.msgs.sent) == 0 })
}

// Receive returns the next control message and counts it as handled.
func (r *Runner) Receive() (runner.Message, error) {
	if err := r.until(func() bool { return len(r.msgs.queued) > 0 }); err != nil {
		return runner.Message{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.msgs.queued[0]
	r.msgs.queued = r.msgs.queued[1:]
	r.msgs.handled = max(r.msgs.handled, m.Number)
	r.changed.Broadcast()
	return m, nil
}

// Expect receives messages until one of the type comes.
func (r *Runner) Expect(typ string) (runner.Message, error) {
	for {
		if m, err := r.Receive(); err != nil || m.Type == typ {
			return m, err
		}
	}
}

// EchoMarked is Echo with a mark behind each piece, that counts bytes.
func (r *Runner) EchoMarked() error {
	return r.echo(4<<10, func() {
		r.mu.Lock()
		done := r.in.consumed
		r.mu.Unlock()
		r.Mark(done, 0, true)
	})
}

// Echo copies input to output until the input ends, then ends the output.
func (r *Runner) Echo() error { return r.echo(64<<10, func() {}) }

// echo copies in pieces of at most size bytes and calls after behind each.
func (r *Runner) echo(size int, after func()) error {
	buf := make([]byte, size)
	for {
		n, err := r.Read(buf)
		if errors.Is(err, io.EOF) {
			r.End()
			return nil
		} else if err != nil {
			return err
		}
		if _, err := r.Write(buf[:n]); err != nil {
			return err
		}
		after()
	}
}

// Generate writes n bytes of Pattern from offset 0 on, then ends the output.
func (r *Runner) Generate(n int64) error {
	buf := make([]byte, 32<<10)
	for at := int64(0); at < n; {
		piece := buf[:min(n-at, int64(len(buf)))]
		Pattern(piece, at)
		if _, err := r.Write(piece); err != nil {
			return err
		}
		at += int64(len(piece))
	}
	r.End()
	return nil
}

// Pattern fills p with the bytes of a stream at offset: each eight tell their
// own place, so that a lost, doubled or swapped piece shows.
func Pattern(p []byte, offset int64) {
	for i := range p {
		at := uint64(offset) + uint64(i)
		word := (at / 8) * 0x9e3779b97f4a7c15
		p[i] = byte(word >> (8 * (at % 8)))
	}
}

func (r *Runner) until(ok func() bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for !ok() {
		if r.closed {
			return ErrClosed
		}
		r.changed.Wait()
	}
	return nil
}
