package topicapi

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"time"

	"waverider"
	"waverider/topic"
	"waverider/topic/batch"
	"waverider/wire"
)

// postTopic stores a body's records; the answer says that they are durable.
func (a *API) postTopic(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	acks, wait := p.text("acks"), p.flag("wait", true)
	if acks != "" && acks != "stream" {
		p.refuse("acks", "stream, not %.100q", acks)
	}
	if err := p.done(); err != nil {
		return err
	}
	kind, err := waverider.ParseContentType(r.Header.Get("Content-Type"))
	if err != nil {
		return asInvalid(err)
	}
	t, err := a.ensureTopic(r, kind)
	if err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	defer endWith(t, r, cancel)()
	wire.Continue(w, r)
	d, err := a.deposit(ctx, t)
	if err != nil {
		return err
	}
	defer d.out.Close()
	d.out.Wait = wait
	if acks != "" {
		return d.streamAcks(ctx, w, r)
	}
	at, err := d.store(ctx, r.Body)
	if err != nil {
		return err
	}
	w.Header().Set(wire.CursorHeader, at.String())
	return wire.WriteJSON(w, http.StatusOK, struct{}{})
}

// endWith ends a request, and the wait for its body, when the Topic ends: a
// client may be silent for ever. What it returns stops that.
func endWith(t *topic.Topic, r *http.Request, cancel context.CancelFunc) (stop func()) {
	done := make(chan struct{})
	off := context.AfterFunc(t.Life(), func() {
		defer close(done)
		cancel()
		wire.LeaveBody(r)
	})
	return func() {
		if !off() {
			<-done // it must not meet the next request
		}
	}
}

// deposit is a body on its way into a Topic.
type deposit struct {
	api   *API
	t     *topic.Topic
	out   *topic.Writer
	split *batch.Splitter
	bytes bool // cut anywhere
	limit int  // of one record, bytes
	most  int  // of one call of Append, bytes, if it is more than one record
	added func(records uint64)
	count uint64 // records that were added
	safe  uint64 // of them, those known to be durable
}

func (a *API) deposit(ctx context.Context, t *topic.Topic) (*deposit, error) {
	out, err := t.Writer(ctx, topic.Anonymous)
	if err != nil {
		return nil, err
	}
	cfg := t.Config().WithDefaults()
	d := &deposit{api: a, t: t, out: out, split: batch.NewSplitter(batch.Bytes), bytes: true, limit: cfg.MaxRecord}
	if cfg.ContentType == waverider.TypeNDJSON || cfg.ContentType == waverider.TypeTextNDJSON {
		d.split, d.bytes = batch.NewSplitter(batch.Lines), false
	}
	// A small Topic takes a large body in steps, of which older ones can go.
	const steps = 8
	d.most = int(min(cfg.MaxBytes/steps, batch.MaxData))
	return d, nil
}

// store adds a body's records as they come, and returns when they are durable.
// An error says how many of them are, in "records".
func (d *deposit) store(ctx context.Context, body io.Reader) (topic.Cursor, error) {
	err := d.read(ctx, body)
	flushing := ctx
	if err != nil { // with a body that was cut ctx has ended too
		const patience = 2 * time.Second
		var cancel context.CancelFunc
		flushing, cancel = context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
	}
	at, flushErr := d.out.Flush(flushing)
	if flushErr == nil {
		d.safe = d.count
	}
	if err == nil {
		err = flushErr
	}
	switch cause := context.Cause(ctx); {
	case err == nil:
		return at, nil
	case d.t.Life().Err() != nil:
		err = context.Cause(d.t.Life())
	case cause != nil && !errors.Is(cause, context.Canceled): // the Hub stops
		err = cause
	}
	return at, withRecords(err, d.safe)
}

// withRecords adds to an error how many records were stored before it.
func withRecords(err error, n uint64) error {
	var e *waverider.Error
	if !errors.As(err, &e) {
		return err
	}
	detail := map[string]any{"records": n}
	maps.Copy(detail, e.Detail)
	return &waverider.Error{Kind: e.Kind, Message: e.Message, Detail: detail, Err: err}
}

// A body is read in pieces that grow with its speed.
const (
	firstPiece = 4 << 10
	maxPiece   = 240 << 10 // with its table a batch of it fits 256 KiB
)

// read adds the records of a body. What a broken one ends with is no record.
func (d *deposit) read(ctx context.Context, body io.Reader) error {
	add := func(records []byte, lengths []uint32) error { return d.add(ctx, records, lengths) }
	buf := make([]byte, firstPiece)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			if err := d.split.Split(buf[:n], add); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return d.split.Close(add)
		} else if err != nil {
			return &waverider.Error{Kind: waverider.Invalid, Message: "the body ended before it was whole", Err: err}
		}
		if n == len(buf) && n < maxPiece {
			buf = make([]byte, min(4*n, maxPiece))
		}
	}
}

// add stores records that came whole, as far as they are within the limits.
func (d *deposit) add(ctx context.Context, records []byte, lengths []uint32) error {
	if len(records) <= d.most && (d.limit >= batch.MaxRecord || len(records) <= d.limit) {
		return d.append(ctx, records, lengths)
	}
	if d.bytes {
		lengths = recut(len(records), d.limit)
	}
	for len(lengths) > 0 {
		n, size := 0, 0
		for n < len(lengths) && int(lengths[n]) <= d.limit && (n == 0 || size+int(lengths[n]) <= d.most) {
			size += int(lengths[n])
			n++
		}
		if n == 0 {
			return waverider.Errorf(waverider.TooLarge, "a record is larger than the %d bytes that Topic %s takes", d.limit, d.t.Name())
		}
		if err := d.append(ctx, records[:size], lengths[:n]); err != nil {
			return err
		}
		records, lengths = records[size:], lengths[n:]
	}
	return nil
}

func (d *deposit) append(ctx context.Context, records []byte, lengths []uint32) error {
	if err := d.out.Append(ctx, records, lengths, topic.State{}); err != nil {
		return err
	}
	n := uint64(len(lengths))
	d.count += n
	d.api.stored(n, len(records))
	if d.added != nil {
		d.added(d.count)
	}
	return nil
}

// recut cuts bytes into pieces of at most limit.
func recut(size, limit int) (lengths []uint32) {
	const piece = 64 << 10
	for size > 0 {
		n := min(size, limit, piece)
		lengths = append(lengths, uint32(n))
		size -= n
	}
	return lengths
}
