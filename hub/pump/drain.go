package pump

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"waverider"
	"waverider/runner"
	"waverider/topic"
	"waverider/topic/batch"
)

// maxSpan is how much output may wait for its mark.
const maxSpan = batch.MaxData

// Output is what Drain needs to know of a program's output.
type Output struct {
	Topic  func(context.Context) (*topic.Topic, error) // finds the Topic, or makes it
	Run    Run
	Stream *runner.Output
	Edge   *Edge
	Feed   *Feed // where the input comes from; nil: not from a Topic
}

// Producer names a slot among the producers of a Topic.
func Producer(id waverider.InstanceID) string { return "slot-" + waverider.TopicName(id).Token() }

// Drain stores a program's output as records of a Topic. It returns nil when
// the output has ended or the process has and all that is to be stored is
// durable, ErrDetached when the Session is given up, and else what makes it
// impossible. Output is acked to the runner when
// it is durable, so that after a kill of either side it is sent again, and
// what is stored already is recognised.
func Drain(ctx context.Context, o Output) error {
	t, err := o.open(ctx)
	if err != nil {
		return err
	}
	d := &drain{Output: o, split: splitter(t.Config().ContentType), exact: o.Feed != nil}
	if err := d.attach(ctx, t); err != nil {
		return err
	}
	defer func() { d.detach() }()
	for {
		c, marks, err := d.next(ctx)
		switch {
		case errors.Is(err, errUnmarked):
			err = d.storeSpan(ctx, len(d.span))
		case errors.Is(err, io.EOF):
			return d.finish(ctx)
		case errors.Is(err, io.ErrUnexpectedEOF):
			return d.broken(ctx)
		case err != nil:
			return err
		}
		if err == nil && len(c.Data) > 0 {
			err = d.take(ctx, c)
			c.Release()
		}
		for _, m := range marks {
			if err == nil {
				err = d.mark(ctx, m)
			}
		}
		if err != nil {
			return err
		}
	}
}

// unmarkedWithin is how long output waits for its mark. A runner sends both at
// once: one that takes longer sends none.
const unmarkedWithin = time.Second

var errUnmarked = errors.New("no mark came")

// next is what comes next, or errUnmarked when output has waited too long.
func (d *drain) next(ctx context.Context) (runner.Chunk, []runner.Mark, error) {
	if len(d.span) == 0 {
		return d.Stream.NextMarked(ctx)
	}
	wait, cancel := context.WithTimeout(ctx, unmarkedWithin)
	defer cancel()
	c, marks, err := d.Stream.NextMarked(wait)
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		err = errUnmarked
	}
	return c, marks, err
}

func splitter(contentType string) *batch.Splitter {
	if isLines(contentType) {
		return batch.NewSplitter(batch.Lines)
	}
	return batch.NewSplitter(batch.Bytes)
}

// drain is the state of one Drain.
type drain struct {
	Output
	split *batch.Splitter
	w     *topic.Writer
	skip  uint64 // output before is stored already
	begun bool   // base is known
	base  uint64 // offset where the splitter began
	at    uint64 // offset after what was split
	span  []byte // output that waits for its mark; begins at at

	gathered []byte   // records of the span
	lengths  []uint32 // of gathered
	end      uint64   // offset after them

	cause, before *batch.Cause // of the last mark and of the one before
	exact         bool         // the last mark was, or none has come
	stop          context.CancelFunc
	acker         sync.WaitGroup

	mu       sync.Mutex
	appended uint64 // End of what was appended last
	clean    uint64 // output before was appended, or is no record
}

// attach opens the Topic and begins to ack what becomes durable.
func (d *drain) attach(ctx context.Context, t *topic.Topic) error {
	w, err := t.Writer(ctx, Producer(d.Run.Slot))
	if err != nil {
		return err
	}
	d.w = w
	last := w.Last()
	if last.Epoch == d.Run.Epoch {
		d.skip = max(d.skip, last.End)
		d.cause = last.Cause
		d.durable(last)
	}
	d.Stream.SetWindow(4 << 20)
	ctx, d.stop = context.WithCancel(ctx)
	d.acker.Go(func() { d.ack(ctx, last) })
	return nil
}

func (d *drain) detach() {
	d.stop()
	d.acker.Wait()
	d.w.Close()
}

// ack tells runner and Feed what is durable.
func (d *drain) ack(ctx context.Context, seen topic.State) {
	for {
		now, err := d.w.Progress(ctx, seen)
		if err != nil {
			return
		}
		seen = now
		d.durable(seen)
	}
}

// durable tells runner and Feed that the producer's records up to last are.
func (d *drain) durable(last topic.State) {
	var at uint64
	if last.Epoch == d.Run.Epoch {
		at = last.End
	}
	d.mu.Lock()
	if at >= d.appended {
		at = max(at, d.clean)
	}
	d.mu.Unlock()
	d.Stream.Ack(at)
	d.reach(d.Stream.Acked())
}

func (d *drain) reach(offset uint64) {
	if d.Feed != nil {
		d.Feed.Durable(offset)
	} else {
		d.Edge.reach(offset)
	}
}

// passed notes how far the output is split.
func (d *drain) passed() {
	d.mu.Lock()
	d.clean = d.base + d.split.Position()
	d.mu.Unlock()
}

// take splits a piece of output, or keeps it until its mark comes.
func (d *drain) take(ctx context.Context, c runner.Chunk) error {
	data, at := c.Data, c.Offset
	if at+uint64(len(data)) <= d.skip {
		return nil
	}
	if at < d.skip {
		data, at = data[d.skip-at:], d.skip
	}
	if !d.begun {
		d.begun, d.base, d.at = true, at, at
	}
	if d.Feed == nil {
		return d.store(ctx, data)
	}
	if len(d.span) > 0 && len(d.span)+len(data) > maxSpan {
		if err := d.storeSpan(ctx, len(d.span)); err != nil {
			return err
		}
	}
	d.span = append(d.span, data...)
	return nil
}

// mark stores the output up to a mark.
func (d *drain) mark(ctx context.Context, m runner.Mark) error {
	if d.Feed == nil {
		return nil
	}
	d.exact = m.Exact
	d.before, d.cause = d.cause, d.Feed.Cause(m)
	if m.Offset > d.at && len(d.span) > 0 {
		if err := d.storeSpan(ctx, int(min(m.Offset-d.at, uint64(len(d.span))))); err != nil {
			return err
		}
	}
	d.Feed.Marked([]runner.Mark{m})
	d.durable(d.w.Last())
	return nil
}

// storeSpan stores the first n bytes of the span, which end at a mark. They go
// into one batch wherever that can hold them: a batch that ended between two
// marks could not say what its last record came from.
func (d *drain) storeSpan(ctx context.Context, n int) error {
	d.at += uint64(n)
	err := d.split.Split(d.span[:n], func(records []byte, lengths []uint32) error {
		if len(d.gathered)+len(records) > batch.MaxData || len(d.lengths)+len(lengths) > batch.MaxCount {
			if err := d.storeGathered(ctx, d.before); err != nil {
				return err
			}
		}
		d.gathered, d.lengths = append(d.gathered, records...), append(d.lengths, lengths...)
		d.end = d.base + d.split.Position()
		return nil
	})
	d.span = append(d.span[:0], d.span[n:]...)
	if err == nil {
		err = d.storeGathered(ctx, d.cause)
	}
	if err == nil {
		d.passed()
	}
	return err
}

func (d *drain) storeGathered(ctx context.Context, cause *batch.Cause) error {
	err := d.append(ctx, d.gathered, d.lengths, topic.State{Epoch: d.Run.Epoch, End: d.end, Cause: cause})
	d.gathered, d.lengths = d.gathered[:0], d.lengths[:0]
	return err
}

// store splits data into records and appends them as they are.
func (d *drain) store(ctx context.Context, data []byte) error {
	d.at += uint64(len(data))
	if err := d.split.Split(data, d.emit(ctx)); err != nil {
		return err
	}
	d.passed()
	return nil
}

func (d *drain) emit(ctx context.Context) batch.Emit {
	return func(records []byte, lengths []uint32) error {
		return d.append(ctx, records, lengths, topic.State{Epoch: d.Run.Epoch, End: d.base + d.split.Position(), Cause: d.cause})
	}
}

// finish stores what is left at a clean end, and tells the runner.
func (d *drain) finish(ctx context.Context) error {
	if err := d.storeSpan(ctx, len(d.span)); err != nil {
		return err
	}
	if err := d.split.Close(d.emit(ctx)); err != nil {
		return err
	}
	if err := d.flush(ctx); err != nil {
		return err
	}
	d.Stream.AckEnd()
	d.reach(d.Stream.Acked())
	return nil
}

// broken stores whole records of a program that died before its output ended,
// unless the next run emits them again by itself.
func (d *drain) broken(ctx context.Context) error {
	if !d.exact {
		if err := d.storeSpan(ctx, len(d.span)); err != nil {
			return err
		}
	}
	return d.flush(ctx)
}
