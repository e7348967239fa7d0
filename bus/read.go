package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Stored is a message as the stream has it.
type Stored struct {
	Subject string
	Seq     uint64
	Time    time.Time
	Data    []byte
}

// LastOf returns the newest message of a subject, which may hold wildcards, as the one who decides about
// ErrWrongSequence knows it. With no such message it returns ErrNotFound, and also when that message is damaged.
func (b *Bus) LastOf(ctx context.Context, stream, subject string) (Stored, error) {
	var got server.JSApiMsgGetResponse
	ask := server.JSApiMsgGetRequest{LastFor: subject}
	if err := b.request(ctx, answerWithin, "$JS.API.STREAM.MSG.GET."+stream, ask, &got); err != nil {
		return Stored{}, fmt.Errorf("last message of %s in stream %s: %w", subject, stream, err)
	}
	m := got.Message
	return Stored{Subject: m.Subject, Seq: m.Sequence, Time: m.Time, Data: m.Data}, nil
}

// NextOf returns the first message of a subject, which may hold wildcards, with the sequence from or a later one. With
// no such message it returns ErrNotFound.
func (b *Bus) NextOf(ctx context.Context, stream, subject string, from uint64) (Stored, error) {
	// Without Batch the engine does not count what else is there, which takes longer than finding the message.
	ms, err := b.fetch(ctx, stream, server.JSApiMsgGetRequest{Seq: max(from, 1), NextFor: subject})
	if errors.Is(err, errNoHead) { // it does not even tell which it is: what comes after it
		ms, err = b.Fetch(ctx, stream, subject, from, 2, maxFetch)
	}
	if err == nil && len(ms) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return Stored{}, fmt.Errorf("next message of %s in stream %s: %w", subject, stream, err)
	}
	return ms[0], nil
}

// Fetch returns messages of a subject, which may hold wildcards, in order, from the sequence from on: up to maxMsgs,
// and none after maxBytes have been reached, so that there is always at least one. Whatever is asked for, it stops after
// 8 MiB or 4,096 messages. It does not wait for new ones: at the end of the stream it returns nothing.
//
// Damage on the disk is not told, here and in NextOf: a damaged message is left out, or what follows it is. Only numbers
// of their own inside the messages show that some are missing.
func (b *Bus) Fetch(ctx context.Context, stream, subject string, from uint64, maxMsgs, maxBytes int) ([]Stored, error) {
	ms, err := b.fetch(ctx, stream, server.JSApiMsgGetRequest{
		Seq: max(from, 1), NextFor: subject,
		Batch: min(max(maxMsgs, 1), maxFetchMsgs), MaxBytes: min(max(maxBytes, 1), maxFetch),
	})
	if err != nil {
		return nil, fmt.Errorf("read %s in stream %s: %w", subject, stream, err)
	}
	return ms, nil
}

func (b *Bus) fetch(ctx context.Context, stream string, ask server.JSApiMsgGetRequest) ([]Stored, error) {
	e, err := b.running()
	if err != nil {
		return nil, err
	}
	got, err := e.fetch(ctx, stream, ask)
	if errors.Is(err, errUnserved) {
		err = b.unserved(ctx, stream)
	}
	return got, err
}

var errUnserved = errors.New("nobody answers")

func (e *engine) fetch(ctx context.Context, stream string, ask server.JSApiMsgGetRequest) ([]Stored, error) {
	body, err := json.Marshal(ask)
	if err != nil {
		return nil, err
	}
	w, err := e.read.begin(ctx, "", ask.Batch+1, answerWithin)
	if err != nil {
		return nil, err
	}
	defer w.end()
	if err := e.read.send(&nats.Msg{Subject: "$JS.API.DIRECT.GET." + stream, Reply: w.reply(0), Data: body}); err != nil {
		return nil, err
	}
	var got []Stored
	for {
		m, err := w.next(ctx)
		if err != nil {
			return nil, err
		}
		switch status := m.Header.Get("Status"); status {
		case "":
			s, err := stored(m)
			switch {
			case err == nil:
				got = append(got, s)
			case ask.Batch == 0:
				return nil, err
			}
			if ask.Batch == 0 {
				return got, nil
			}
		case "204", "404": // the end of the batch; nothing there
			return got, nil
		case "503":
			return nil, errUnserved
		default:
			return nil, fmt.Errorf("the engine refuses: %s %s", status, m.Header.Get("Description"))
		}
	}
}

// errNoHead is what becomes of a message whose headers are damaged on disk: the length of them is not in its check sum.
var errNoHead = errors.New("the message does not tell its place")

func stored(m *nats.Msg) (Stored, error) {
	seq, err := strconv.ParseUint(m.Header.Get("Nats-Sequence"), 10, 64)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: sequence: %w", errNoHead, err)
	}
	at, err := time.Parse(time.RFC3339Nano, m.Header.Get("Nats-Time-Stamp"))
	if err != nil {
		return Stored{}, fmt.Errorf("%w: time: %w", errNoHead, err)
	}
	return Stored{Subject: m.Header.Get("Nats-Subject"), Seq: seq, Time: at, Data: m.Data}, nil
}
