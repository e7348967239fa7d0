package runner

// STUB: the API is fixed, the bodies come.

import (
	"context"
	"io"
	"net"
)

// Session is the Hub's end of one runner's channel. It outlives connections:
// when the channel breaks it keeps what is not acked and goes on when the
// runner connects again.
type Session struct{ key string }

type SessionConfig struct {
	Key string // secret of the process; NewKey makes one
	// Resume tells that the runner may already have been talked to by an
	// earlier Hub process: positions are taken from its first HELLO.
	Resume bool
}

func NewKey() string                        { panic("stub") }
func NewSession(cfg SessionConfig) *Session { return &Session{key: cfg.Key} }

// Connected is closed once the first HELLO has been answered.
func (s *Session) Connected() <-chan struct{} { panic("stub") }

// Hello is the runner's last HELLO.
func (s *Session) Hello() Hello { panic("stub") }

// Send queues a control message {"type": typ, …fields of v} (v may be nil or
// a struct that marshals to an object). It returns when the message is queued,
// blocks when 1,024 are unacked, and fails when ctx or the Session ends.
func (s *Session) Send(ctx context.Context, typ string, v any) error { panic("stub") }

// Receive returns the next message in order. The one before it is acked by
// this call. io.EOF after Close.
func (s *Session) Receive(ctx context.Context) (Message, error) { panic("stub") }

func (s *Session) Input() *Input   { panic("stub") }
func (s *Session) Output() *Output { panic("stub") }

// Close ends the Session: the process is gone. Every blocked call returns.
// Output bytes already received can still be read with Next.
func (s *Session) Close() error { panic("stub") }

// Detach closes the connection without ending anything, at a Hub's shutdown.
func (s *Session) Detach() error { panic("stub") }

// Input is the stream Hub → program.
type Input struct{}

// Received is how many bytes the runner's process has.
func (in *Input) Received() uint64 { panic("stub") }

// Accepted is how many bytes Write and ReadFrom have taken.
func (in *Input) Accepted() uint64 { panic("stub") }

// Write sends p; it blocks without credit. Concurrent Writes don't mix within
// one call.
func (in *Input) Write(ctx context.Context, p []byte) (int, error) { panic("stub") }

// ReadFrom sends all of r, reading it straight into frames (no copy, one
// write a frame, at most 256 KiB each, what a Read returned is sent at once).
// Reading errors are returned as they are; what was read before is sent.
func (in *Input) ReadFrom(ctx context.Context, r io.Reader) (int64, error) { panic("stub") }

// Flush waits until the runner's process has everything accepted so far.
func (in *Input) Flush(ctx context.Context) error { panic("stub") }

// End ends the stream; later Writes fail with ErrEnded. Idempotent.
func (in *Input) End(ctx context.Context) error { panic("stub") }
func (in *Input) Ended() bool                   { panic("stub") }

// Output is the stream program → Hub. One goroutine reads it.
type Output struct{}

// Next returns the next piece in order, io.EOF once END came and all was
// returned, io.ErrUnexpectedEOF when the Session was closed before END.
func (o *Output) Next(ctx context.Context) (Chunk, error) { panic("stub") }

// Buffered tells whether Next would return at once.
func (o *Output) Buffered() bool { panic("stub") }

// Ack tells that everything before offset has reached the next holder. Sent
// when a quarter of the window is free or within 5 ms, whichever is first.
func (o *Output) Ack(offset uint64) { panic("stub") }

// AckEnd acks END: the runner may exit.
func (o *Output) AckEnd() { panic("stub") }

// SetWindow sets how many bytes may be under way (default 64 KiB, at most 4 MiB).
func (o *Output) SetWindow(n int) { panic("stub") }

// Acked, Received: offsets; the oldest byte not acked, the next to come.
func (o *Output) Acked() uint64    { panic("stub") }
func (o *Output) Received() uint64 { panic("stub") }

// Chunk is a piece of output. Release gives its buffer back; call it once.
type Chunk struct {
	Offset uint64
	Data   []byte
}

func (c Chunk) Release() { panic("stub") }

// Hello is what a runner says first; see docs/runner-protocol.md.
type Hello struct{}

// Listener accepts channels and hands each to its Session.
type Listener struct{}

// Listen opens the Unix socket at path (removing a stale one), mode 0600.
func Listen(path string) (*Listener, error) { panic("stub") }

// Expect makes the Listener answer a runner that shows s's key.
func (l *Listener) Expect(s *Session)             { panic("stub") }
func (l *Listener) Forget(s *Session)             { panic("stub") }
func (l *Listener) Run(ctx context.Context) error { panic("stub") }
func (l *Listener) Close() error                  { panic("stub") }
func (l *Listener) Path() string                  { panic("stub") }

var _ net.Conn
