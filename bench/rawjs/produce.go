package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// producers write as those of Topics do: each to a subject of its own, one
// message at a time, which names the sequence of the one before.
const producers = 10

// Nobody answers while there is no leader, so what has no answer is looked for
// again soon.
const (
	storedWithin = 2 * time.Second
	lookWithin   = 500 * time.Millisecond
)

// writer is one of them.
type writer struct {
	cluster *cluster
	subject string
	last    uint64 // sequence of its newest message
	count   uint64 // of messages that are stored

	acks    []time.Duration
	twice   bool     // sends everything twice, as one does who lost patience
	acked   func()   // hears of each ack; nil: nobody
	settled int      // messages whose fate had to be found out
	there   int      // of these, those that were stored already
	wrong   []string // what must not be
}

func (c *cluster) writers(n int) (all []*writer, err error) {
	for i := range n {
		w := &writer{cluster: c, subject: fmt.Sprintf("raw.%d", i)}
		last, err := w.lastOf()
		if err != nil && !errors.Is(err, errNone) {
			return nil, err
		}
		w.last = last.Sequence
		all = append(all, w)
	}
	return all, nil
}

// produce has all of them write messages of a size until each has written so
// many, or with 0 until ctx ends.
func produce(ctx context.Context, writers []*writer, size, each int) (took time.Duration, err error) {
	var group sync.WaitGroup
	failed := make([]error, len(writers))
	began := time.Now()
	for i, w := range writers {
		group.Go(func() {
			data := make([]byte, size)
			for n := 0; (each == 0 || n < each) && failed[i] == nil; n++ {
				if each == 0 && ctx.Err() != nil {
					return
				}
				failed[i] = w.write(data)
			}
		})
	}
	group.Wait()
	return time.Since(began), errors.Join(failed...)
}

// write stores the next message. Its number is in its first bytes.
func (w *writer) write(data []byte) error {
	binary.BigEndian.PutUint64(data, w.count+1)
	began := time.Now()
	seq, err := w.publish(data)
	if err != nil {
		w.settled++
		seq, err = w.settle(data)
	}
	if err != nil {
		return err
	}
	w.stored(seq, began)
	return nil
}

func (w *writer) stored(seq uint64, began time.Time) {
	w.last, w.count = seq, w.count+1
	w.acks = append(w.acks, time.Since(began))
	if w.acked != nil {
		w.acked()
	}
}

// commit stores the next message of each writer, all or none. If it fails, each
// finds out for itself.
func commit(writers []*writer, size int) error {
	id := nats.NewInbox()
	var messages []*nats.Msg
	for n, w := range writers {
		m := w.message(make([]byte, size))
		m.Header.Set("Nats-Batch-Id", id)
		m.Header.Set("Nats-Batch-Sequence", strconv.Itoa(n+1))
		binary.BigEndian.PutUint64(m.Data, w.count+1)
		messages = append(messages, m)
	}
	began, last := time.Now(), messages[len(messages)-1]
	last.Header.Set("Nats-Batch-Commit", "1")
	conn := writers[0].cluster.conn
	for _, m := range messages[:len(messages)-1] {
		if err := conn.PublishMsg(m); err != nil {
			return err
		}
	}
	var seq uint64
	answer, failed := conn.RequestMsg(last, storedWithin)
	if failed == nil {
		seq, failed = sequence(answer)
	}
	for n, w := range writers {
		at := seq - uint64(len(writers)-1-n)
		if failed != nil {
			w.settled++
			var err error
			if at, err = w.settle(messages[n].Data); err != nil {
				return err
			}
		}
		w.stored(at, began)
	}
	return nil
}

func (w *writer) message(data []byte) *nats.Msg {
	m := nats.NewMsg(w.subject)
	m.Data = data
	m.Header.Set("Nats-Expected-Last-Subject-Sequence", strconv.FormatUint(w.last, 10))
	return m
}

func (w *writer) publish(data []byte) (uint64, error) {
	m := w.message(data)
	if w.twice {
		if err := w.cluster.conn.PublishMsg(m); err != nil {
			return 0, err
		}
	}
	answer, err := w.cluster.conn.RequestMsg(m, storedWithin)
	if err != nil {
		return 0, err
	}
	return sequence(answer)
}

// sequence reads the answer to a message.
func sequence(answer *nats.Msg) (uint64, error) {
	var ack struct {
		Seq   uint64
		Error *server.ApiError
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		return 0, err
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	return ack.Seq, nil
}

// settle finds out what became of a message, as a lane of Topics does: the
// newest of its subject is the message, or the one before it.
func (w *writer) settle(data []byte) (uint64, error) {
	wait, until := 20*time.Millisecond, time.Now().Add(patience)
	for {
		last, err := w.lastOf()
		if errors.Is(err, errNone) {
			last, err = &server.StoredMsg{}, nil
		}
		if err == nil && bytes.Equal(last.Data, data) {
			w.there++
			return last.Sequence, nil
		}
		if err == nil && last.Sequence != w.last {
			w.wrong = append(w.wrong, fmt.Sprintf("%s ended with %d and has %d now", w.subject, w.last, last.Sequence))
			w.last = last.Sequence
		}
		if err == nil {
			var seq uint64
			if seq, err = w.publish(data); err == nil {
				return seq, nil
			}
		}
		if time.Now().After(until) {
			return 0, fmt.Errorf("%s takes nothing: %w", w.subject, err)
		}
		time.Sleep(wait)
		wait = min(2*wait, time.Second)
	}
}

var errNone = errors.New("there is no message")

func (w *writer) lastOf() (*server.StoredMsg, error) {
	var answer server.JSApiMsgGetResponse
	err := w.cluster.askWithin(lookWithin, "$JS.API.STREAM.MSG.GET."+stream, server.JSApiMsgGetRequest{LastFor: w.subject}, &answer)
	var api *server.ApiError
	if errors.As(err, &api) && api.ErrCode == uint16(server.JSNoMessageFoundErr) {
		return &server.StoredMsg{}, errNone
	}
	return answer.Message, err
}

// check reads what the leader has of a subject: numbers from 1 on, each once
// and in order.
func (w *writer) check(ctx context.Context) (lost, doubled int, err error) {
	var next, from uint64 = 1, 1
	for {
		var answer server.JSApiMsgGetResponse
		end := false
		err := w.cluster.until(ctx, "read "+w.subject, func() error {
			err := w.cluster.askWithin(lookWithin, "$JS.API.STREAM.MSG.GET."+stream, server.JSApiMsgGetRequest{Seq: from, NextFor: w.subject}, &answer)
			var api *server.ApiError
			if end = errors.As(err, &api) && api.ErrCode == uint16(server.JSNoMessageFoundErr); end {
				return nil
			}
			return err
		})
		if err != nil || end {
			return lost + int(w.count+1-next), doubled, err
		}
		from = answer.Message.Sequence + 1
		switch n := binary.BigEndian.Uint64(answer.Message.Data); {
		case n >= next:
			lost += int(n - next)
			next = n + 1
		default:
			doubled++
		}
	}
}
