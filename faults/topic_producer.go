package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"waverider/faults/tally"
	"waverider/internal/testhub"
)

// topicProducer writes numbered records to a Topic and repeats what was not
// acked, as a careful client would.
type topicProducer struct {
	t       *topic
	number  int // of the producer
	rnd     *rand.Rand
	fill    int           // most text a record has
	pause   time.Duration // most time between two pieces
	next    int64         // first number that is not acked
	written int64         // first number never sent
}

// produce starts a producer; send sends some and returns when it knows what
// became of them.
func (t *topic) produce(ctx context.Context, fill int, pause time.Duration, send func(*topicProducer, context.Context) error) *topicProducer {
	t.mu.Lock()
	t.count++
	p := &topicProducer{t: t, number: t.count, rnd: rand.New(rand.NewPCG(t.r.rnd.Uint64(), 2)), fill: fill, pause: pause}
	t.mu.Unlock()
	t.producers.Go(func() {
		for ctx.Err() == nil && (!p.stopping() || p.next < p.written) {
			if err := send(p, ctx); err != nil && !p.expected(err) {
				t.r.res.failf("topic %s, producer %d: %v", t.name, p.number, err)
				return
			}
		}
	})
	return p
}

func (p *topicProducer) stopping() bool {
	select {
	case <-p.t.stop:
		return true
	default:
		return false
	}
}

// expected tells whether an error is one of the fault, and takes a rest then.
func (p *topicProducer) expected(err error) bool {
	var status *testhub.StatusError
	if errors.As(err, &status) && status.Status != http.StatusServiceUnavailable {
		if !p.t.refuse(p.number, status.Status == http.StatusInsufficientStorage) {
			return false
		}
	}
	time.Sleep(retryAfter)
	return true
}

// records makes the records that are to be sent now: those from the number at,
// or, when all are sent, new ones.
func (p *topicProducer) records(at int64, count int) (text []byte, end int64) {
	for end = at; end < at+int64(count); end++ {
		if end >= p.written && p.stopping() {
			break
		}
		rec := p.t.book.Write(p.number, end)
		text = tally.Append(text, rec, p.rnd.IntN(p.fill+1))
		p.written = max(p.written, end+1)
	}
	return text, end
}

// sendSmall posts one body of few records.
func sendSmall(p *topicProducer, ctx context.Context) error {
	text, end := p.records(p.next, 1+p.rnd.IntN(4))
	if _, err := p.t.r.hub.PostTopic(ctx, p.t.name, "", bytes.NewReader(text)); err != nil {
		return err
	}
	p.t.ack(p.number, p.next, end)
	p.next = end
	p.rest(ctx)
	return nil
}

func (p *topicProducer) rest(ctx context.Context) {
	if p.pause > 0 {
		select {
		case <-time.After(time.Duration(p.rnd.Int64N(int64(p.pause)))):
		case <-p.t.stop:
		case <-ctx.Done():
		}
	}
}

// pieces of a long body.
const longPieces = 60

// sendLong posts one long body in pieces that need not be whole records.
func sendLong(p *topicProducer, ctx context.Context) error {
	out, body := io.Pipe()
	at := p.next
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		at = p.sendPieces(ctx, body, at)
		_ = body.Close() // of a pipe
	}()
	_, err := p.t.r.hub.PostTopic(ctx, p.t.name, "", out)
	_ = out.CloseWithError(io.ErrClosedPipe) // ends the sender
	<-sent
	if err != nil {
		return err
	}
	p.t.ack(p.number, p.next, at)
	p.next = at
	return nil
}

// sendPieces writes records until the producer stops or the body is long
// enough, and answers the number after the last.
func (p *topicProducer) sendPieces(ctx context.Context, body io.Writer, at int64) int64 {
	var left []byte
	for i := 0; i < longPieces && ctx.Err() == nil; i++ {
		text, end := p.records(at, 1+p.rnd.IntN(30))
		if end == at {
			break
		}
		at = end
		left = append(left, text...)
		cut := len(left)
		if p.rnd.IntN(2) == 0 {
			cut = p.rnd.IntN(len(left))
		}
		if _, err := body.Write(left[:cut]); err != nil {
			return at
		}
		left = left[cut:]
		p.rest(ctx)
	}
	_, _ = body.Write(left) // a failure shows in the answer
	return at
}

// sendAcked posts one long body and takes in acks while it does.
func sendAcked(p *topicProducer, ctx context.Context) error {
	body, err := p.t.r.hub.PostAcked(ctx, p.t.name)
	if err != nil {
		return err
	}
	defer body.Close()
	first := p.next
	acked := make(chan struct{})
	var done bool
	var refusal, kind string
	go func() {
		defer close(acked)
		_ = body.Acks(func(a testhub.TopicAck) { // what is not acked is repeated
			end := first + a.Records
			p.t.ack(p.number, p.next, end)
			p.next = max(p.next, end)
			done, refusal, kind = a.Done, a.Error, a.Kind
		})
	}()
	p.sendPieces(ctx, body, first)
	err = body.End()
	<-acked
	switch {
	case refusal != "" && !p.t.refuse(p.number, kind == "full"):
		p.t.r.res.failf("topic %s, producer %d: %s", p.t.name, p.number, refusal)
	case err == nil && !done:
		err = io.ErrUnexpectedEOF
	}
	return err
}
