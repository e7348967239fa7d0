package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MaxBatch is how many messages PublishAll takes at once, maxBatchBytes how much data. With maxWaiting, the data that
// PublishEach sends ahead of the answers, that is well below the 128 MiB that may wait in front of a stream.
const (
	MaxBatch      = 1000
	maxBatchBytes = 64 << 20
	maxWaiting    = 32 << 20
)

// A Msg is to be stored. After is the sequence of the last message of its subject, 0 when there is none (any more);
// the stream refuses the message with ErrWrongSequence when that is not so.
type Msg struct {
	Subject string
	Data    []byte // not more than MaxData; may be reused after the call
	After   uint64
}

func (m Msg) message(reply string, headers nats.Header) *nats.Msg {
	headers["Nats-Expected-Last-Subject-Sequence"] = []string{strconv.FormatUint(m.After, 10)}
	return &nats.Msg{Subject: m.Subject, Reply: reply, Header: headers, Data: m.Data}
}

func (m Msg) validate() error {
	switch {
	case len(m.Data) > MaxData:
		return fmt.Errorf("a message has %d bytes, more than %d", len(m.Data), MaxData)
	case !server.IsValidLiteralSubject(m.Subject) || strings.ContainsAny(m.Subject, " \t\r\n"):
		return fmt.Errorf("%q is no subject to publish to", m.Subject)
	}
	return nil
}

// Publish stores one message and returns its sequence.
func (b *Bus) Publish(ctx context.Context, stream string, m Msg) (seq uint64, err error) {
	seqs, errs := b.PublishEach(ctx, stream, []Msg{m})
	return seqs[0], errs[0]
}

// PublishAll stores up to MaxBatch messages of a stream of kind Sync, all or none; one that has ErrWrongSequence rejects
// all. It returns the sequence of the last one, the others follow by counting back. Of several messages with one subject
// only the first is held to its After. It writes twice, with six fsyncs however many messages there are; up to about ten
// PublishEach is faster.
//
// After ErrUnavailable and ErrFull ask LastOf for each subject: when the disk was full and Restart came before there was
// space, a part of the batch may be there.
func (b *Bus) PublishAll(ctx context.Context, stream string, ms []Msg) (last uint64, err error) {
	if len(ms) == 0 || len(ms) > MaxBatch {
		return 0, fmt.Errorf("publish to stream %s: a batch has 1 to %d messages, not %d", stream, MaxBatch, len(ms))
	}
	if len(ms) == 1 {
		return b.Publish(ctx, stream, ms[0])
	}
	last, err = b.publishAll(ctx, stream, ms)
	if err != nil {
		return 0, fmt.Errorf("publish to stream %s: %w", stream, err)
	}
	return last, nil
}

func (b *Bus) publishAll(ctx context.Context, stream string, ms []Msg) (last uint64, err error) {
	size := 0
	for _, m := range ms {
		if err := m.validate(); err != nil {
			return 0, err
		}
		size += len(m.Data)
	}
	if size > maxBatchBytes {
		return 0, fmt.Errorf("a batch has %d bytes, more than %d", size, maxBatchBytes)
	}
	e, err := b.running()
	if err != nil {
		return 0, err
	}
	w, err := e.publish.begin(ctx, stream, 1, answerWithin+time.Duration(size/slowDisk)*time.Second)
	if err != nil {
		return 0, err
	}
	defer w.end()
	batch := e.publish.nats.NewInbox()[len("_INBOX."):]
	for i, m := range ms {
		headers := nats.Header{"Nats-Batch-Id": {batch}, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)}}
		reply := ""
		if i == len(ms)-1 {
			headers["Nats-Batch-Commit"] = []string{"1"}
			reply = w.reply(0)
		}
		if err := e.publish.send(m.message(reply, headers)); err != nil {
			return 0, err
		}
	}
	m, err := w.next(ctx)
	if err != nil {
		return 0, err
	}
	return b.acked(ctx, e, stream, m)
}

// PublishEach sends the messages one after the other, without waiting for the answers before it has sent all (or 32 MiB
// of them). They are stored in this order, each for itself: one that fails does not stop the others. Both results have
// an entry for each message.
func (b *Bus) PublishEach(ctx context.Context, stream string, ms []Msg) (seqs []uint64, errs []error) {
	seqs, errs = make([]uint64, len(ms)), make([]error, len(ms))
	failed := b.publishEach(ctx, stream, ms, seqs, errs)
	for i := range ms {
		if seqs[i] == 0 && errs[i] == nil {
			errs[i] = failed
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("publish to stream %s: %w", stream, errs[i])
		}
	}
	return seqs, errs
}

// publishEach returns why the messages that have neither a sequence nor an error got no answer.
func (b *Bus) publishEach(ctx context.Context, stream string, ms []Msg, seqs []uint64, errs []error) error {
	e, err := b.running()
	if err != nil {
		return err
	}
	w, err := e.publish.begin(ctx, stream, len(ms), answerWithin)
	if err != nil {
		return err
	}
	defer w.end()
	waiting, size := 0, 0 // what has been sent and not been answered
	receive := func() error {
		m, err := w.next(ctx)
		if err != nil {
			return err
		}
		i := w.number(m.Subject)
		seqs[i], errs[i] = b.acked(ctx, e, stream, m)
		waiting, size = waiting-1, size-len(ms[i].Data)
		w.late.Reset(answerWithin)
		return nil
	}
	for i, m := range ms {
		for size > maxWaiting {
			if err := receive(); err != nil {
				return err
			}
		}
		errs[i] = m.validate()
		if errs[i] == nil {
			errs[i] = e.publish.send(m.message(w.reply(i), nats.Header{}))
		}
		if errs[i] == nil {
			waiting, size = waiting+1, size+len(m.Data)
		}
	}
	for waiting > 0 {
		if err := receive(); err != nil {
			return err
		}
	}
	return nil
}

type ack struct {
	Stream string           `json:"stream"`
	Seq    uint64           `json:"seq"`
	Error  *server.ApiError `json:"error"`
}

// acked reads the answer to a message.
func (b *Bus) acked(ctx context.Context, e *engine, stream string, m *nats.Msg) (uint64, error) {
	if nobodyThere(m) {
		return 0, b.unserved(ctx, stream)
	}
	var a ack
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	if a.Error != nil {
		err := engineError(a.Error)
		if errors.Is(err, ErrWrongSequence) {
			err = cmp.Or(b.lost(ctx, e, stream), err)
		}
		return 0, err
	}
	if a.Stream != stream || a.Seq == 0 {
		return 0, fmt.Errorf("stream %q stored the message as %d", a.Stream, a.Seq)
	}
	e.noteAcked(stream, a.Seq)
	return a.Seq, nil
}

// lost tells whether a stream has dropped messages that it had acknowledged, and freezes it then. A stream of kind Async
// does so when a write in the background fails: it goes back to what is on disk and says that the sequence is wrong.
func (b *Bus) lost(ctx context.Context, e *engine, stream string) error {
	newest := e.newestAcked(stream)
	state, err := b.State(ctx, stream)
	if err != nil || state.Last >= newest {
		return nil
	}
	kind := ErrUnavailable
	if diskIsFull(b.config.Dir) {
		kind = ErrFull
	}
	err = fmt.Errorf("%w: stream %q takes no more messages since a write failed and it lost those from %d to %d",
		kind, stream, state.Last+1, newest)
	e.freeze(stream, err)
	return err
}
