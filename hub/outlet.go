package hub

import (
	"context"
	"errors"
	"io"
	"sync"

	"waverider"
	"waverider/hub/pump"
	"waverider/runner"
)

// Windows of an Instance's output: little while nobody reads, so that the
// program stops soon, much while somebody does.
const (
	windowUnread = 64 << 10
	windowRead   = 4 << 20
)

// outlet hands the output of one Instance to those who read it. Bytes count
// as delivered, and are acked to the runner, once every reader of that moment
// has taken them; what nobody has read is held (at most windowUnread) and goes
// to the first reader. What is left at the end is kept on disk.
//
// Offsets count all output the Instance ever had, over all its runs.
type outlet struct {
	mu      sync.Mutex
	readers map[*outReader]bool
	arrived chan struct{} // closed when a reader comes to an empty outlet
	held    []byte        // came while nobody read; starts at pos
	pos     uint64        // offset of the next byte to deliver
	found   []byte        // what an earlier Hub process kept; starts at foundAt
	foundAt uint64        //
	keptIn  string        // folder of a file with what is held, or part of it
	atEnd   bool          // this run's output has ended and was read
	rest    *rest         // set when the Instance has ended
	opened  chan struct{} // closed while readers can be served
}

// outReader is one reader. mu is held while its writer is in use.
type outReader struct {
	mu     sync.Mutex
	write  func([]byte) error
	from   uint64        // the offset it was told it starts at
	exact  bool          // it named that itself: bytes before are not wanted
	done   chan struct{} // closed when no byte will come any more
	closed bool          // under outlet.mu
	err    error         // why it was dropped, set before done is closed
}

func newOutlet() *outlet {
	return &outlet{readers: map[*outReader]bool{}, arrived: make(chan struct{}), opened: make(chan struct{})}
}

// open lets readers in: where the output stands is known. o.mu is held, or
// nobody else knows of o.
func (o *outlet) open() {
	if !isClosed(o.opened) {
		close(o.opened)
	}
}

// begin gets ready for one run's output, whose first byte stands at offset
// base, and lets readers in. met tells that the runner has said where it is.
// It answers whether what was kept of earlier output is of no use any more.
func (o *outlet) begin(src *runner.Output, base uint64, met bool) (stale bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := base + src.Acked()
	if !met {
		at = everything
	}
	stale = !o.recall(at)
	if len(o.held) == 0 {
		// A run that an earlier Hub process served goes on at its first unacked byte.
		o.pos = max(o.pos, base+src.Acked())
	}
	o.atEnd = false
	o.open()
	return stale
}

// run distributes the output of the run that begin was called for, until END
// (nil), the death of the process, or ctx. feed, when the input is a Topic, is
// told what is delivered.
func (o *outlet) run(ctx context.Context, src *runner.Output, base uint64, stale bool, feed *pump.Feed) error {
	if stale {
		o.discard()
	}
	f := flow{Output: src, base: base, feed: feed}
	for {
		o.deliverHeld(&f)
		c, err := o.next(ctx, &f)
		switch {
		case errors.Is(err, errReaderCame):
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		default:
			o.take(&f, c)
		}
	}
}

// flow is one run's output on its way through the outlet.
type flow struct {
	*runner.Output
	base uint64     // offset of its first byte
	wide bool       // the window is windowRead
	feed *pump.Feed // where its input comes from; nil: not from a Topic
}

// delivered acks everything before offset and opens the window while somebody
// reads.
func (f *flow) delivered(offset uint64) {
	if offset > f.base { // what an earlier run left needs no ack, its process is gone
		f.Ack(offset - f.base)
		if f.feed != nil {
			f.feed.Durable(offset - f.base)
		}
	}
	f.widen(true)
}

func (f *flow) widen(wide bool) {
	if wide == f.wide {
		return
	}
	f.wide = wide
	if wide {
		f.SetWindow(windowRead)
	} else {
		f.SetWindow(windowUnread)
	}
}

var errReaderCame = errors.New("a reader came")

// next waits for output, and while there are no readers for one of those too.
func (o *outlet) next(ctx context.Context, f *flow) (runner.Chunk, error) {
	o.mu.Lock()
	arrived, alone := o.arrived, len(o.readers) == 0
	o.mu.Unlock()
	if !alone || f.Buffered() {
		return f.next(ctx)
	}
	wait, cancel := context.WithCancel(ctx)
	defer cancel()
	woken := make(chan struct{})
	go func() {
		defer close(woken)
		select {
		case <-arrived:
			cancel()
		case <-wait.Done():
		}
	}()
	c, err := f.next(wait)
	cancel()
	<-woken
	if err != nil && ctx.Err() == nil && errors.Is(err, context.Canceled) {
		return c, errReaderCame
	}
	return c, err
}

// next is the next chunk; marks are handed to the feed.
func (f *flow) next(ctx context.Context) (runner.Chunk, error) {
	if f.feed == nil {
		return f.Output.Next(ctx)
	}
	for {
		c, marks, err := f.NextMarked(ctx)
		if len(marks) > 0 {
			f.feed.Marked(marks)
			f.feed.Durable(f.Acked())
		}
		if err != nil || len(c.Data) > 0 {
			return c, err
		}
	}
}

// take gives a chunk to the readers, or holds it when there are none.
func (o *outlet) take(f *flow, c runner.Chunk) {
	defer c.Release()
	at := f.base + c.Offset
	o.mu.Lock()
	held := len(o.held) > 0
	o.mu.Unlock()
	// What is held goes first, also to a reader that came this very moment.
	if !held && o.deliver(c.Data, at) {
		f.delivered(at + uint64(len(c.Data)))
		return
	}
	f.widen(false)
	o.mu.Lock()
	o.held = append(o.held, c.Data...)
	o.mu.Unlock()
}

// deliverHeld gives what was held to readers that have come since.
func (o *outlet) deliverHeld(f *flow) {
	o.mu.Lock()
	held, at := o.held, o.pos
	o.held = nil
	o.mu.Unlock()
	if len(held) == 0 {
		return
	}
	if o.deliver(held, at) {
		f.delivered(at + uint64(len(held)))
		o.discard()
		return
	}
	o.mu.Lock()
	o.held = held
	o.mu.Unlock()
}

// deliver writes data, whose first byte stands at offset, to every reader and
// returns whether at least one took it. A reader that fails is dropped.
func (o *outlet) deliver(data []byte, offset uint64) bool {
	o.mu.Lock()
	if len(o.readers) == 0 {
		o.mu.Unlock()
		return false
	}
	now := make([]*outReader, 0, 4)
	for r := range o.readers {
		now = append(now, r)
	}
	before := o.pos
	o.pos = offset + uint64(len(data)) // who joins from here on starts after this piece
	o.mu.Unlock()
	taken := false
	for _, r := range now {
		if err := o.give(r, data, offset); err != nil {
			o.drop(r, err)
		} else {
			taken = true
		}
	}
	if !taken {
		o.mu.Lock()
		o.pos = before
		o.mu.Unlock()
	}
	return taken
}

func (o *outlet) give(r *outReader, data []byte, offset uint64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.write == nil {
		return errReaderLeft
	}
	if r.from > offset {
		if !r.exact {
			return errMoved
		}
		if r.from >= offset+uint64(len(data)) {
			return nil
		}
		data = data[r.from-offset:]
	}
	return r.write(data)
}

var (
	errReaderLeft = errors.New("the reader has left")
	// A reader that joined while a piece went to others, who then all failed,
	// was told an offset that is too far on. It must ask again.
	errMoved    = waverider.Errorf(waverider.Unavailable, "the output goes on before the offset that was answered; read again")
	errHubStops = waverider.Errorf(waverider.Unavailable, "the Hub is stopping; read on when it is back")
)

// drop takes a reader off the list and wakes it.
func (o *outlet) drop(r *outReader, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.readers, r)
	if len(o.readers) == 0 && isClosed(o.arrived) {
		o.arrived = make(chan struct{})
	}
	if !r.closed {
		r.closed, r.err = true, err
		close(r.done)
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// dropAll cuts all readers off: this Hub is going, the output is not at its end.
func (o *outlet) dropAll() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closeReaders(errHubStops)
}

// closeReaders ends all readers; o.mu is held.
func (o *outlet) closeReaders(err error) {
	for r := range o.readers {
		delete(o.readers, r)
		r.closed, r.err = true, err
		close(r.done)
	}
	if isClosed(o.arrived) {
		o.arrived = make(chan struct{})
	}
}

// position is the offset of the next byte a new reader gets.
func (o *outlet) position() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pos
}
