package main

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pending = 256    // messages without an answer yet
	message = 65_500 // bytes, whole records
	warmUp  = 32 << 20
)

// move sends bytes through a stream that acknowledges a message before it is
// in the file, to a consumer that is there already.
func (e *engine) move(ctx context.Context, total int) ([]time.Duration, error) {
	if err := e.makeStream(server.StreamConfig{Subjects: []string{"raw"}, PersistMode: server.AsyncPersistMode}); err != nil {
		return nil, err
	}
	if _, err := e.moveOnce(ctx, warmUp); err != nil {
		return nil, err
	}
	took, err := e.moveOnce(ctx, total)
	return []time.Duration{took}, err
}

func (e *engine) moveOnce(ctx context.Context, total int) (time.Duration, error) {
	reader, err := jetstream.New(e.out)
	if err != nil {
		return 0, err
	}
	writer, err := jetstream.New(e.in, jetstream.WithPublishAsyncMaxPending(pending))
	if err != nil {
		return 0, err
	}
	consumer, err := reader.OrderedConsumer(ctx, "raw", jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy})
	if err != nil {
		return 0, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxBytes(16 << 20))
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	began, failed := time.Now(), make(chan error, 1)
	go func() { failed <- publish(ctx, writer, total) }()
	for got := 0; got < total; {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, errors.Join(err, <-failed)
		}
		got += len(m.Data())
	}
	took := time.Since(began)
	return took, <-failed
}

func publish(ctx context.Context, js jetstream.JetStream, total int) error {
	data := make([]byte, message)
	for sent := 0; sent < total; sent += message {
		if _, err := js.PublishAsync("raw", data[:min(message, total-sent)], jetstream.WithStallWait(patience)); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
