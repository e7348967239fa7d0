// Command rawjs measures what the engine below the Topics does by itself: one
// process publishes messages to a stream and consumes them at the same time.
// It prints the time in nanoseconds. It is a program of its own so that the
// bench, which also serves as the bare server of other limits, stays small.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pending  = 256 // messages without an answer yet
	patience = time.Minute
	warmUp   = 32 << 20
)

func main() {
	dir := flag.String("dir", "", "an empty `folder` for the stream")
	async := flag.Bool("async", false, "acknowledge before a message is in the file")
	total := flag.Int("bytes", 256_000_000, "bytes to move")
	size := flag.Int("message", 65_500, "bytes of a message")
	flag.Parse()
	took, err := run(*dir, *async, *total, *size)
	if err != nil {
		fmt.Fprintln(os.Stderr, "rawjs:", err)
		os.Exit(1)
	}
	fmt.Println(took.Nanoseconds())
}

func run(dir string, async bool, total, size int) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
		SyncAlways: true, MaxPending: 256 << 20})
	if err != nil {
		return 0, err
	}
	s.Start()
	defer func() {
		s.Shutdown()
		s.WaitForShutdown()
	}()
	if !s.ReadyForConnections(patience) {
		return 0, errors.New("the server does not start")
	}
	in, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return 0, err
	}
	defer in.Close()
	out, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return 0, err
	}
	defer out.Close()
	if err := makeStream(in, async); err != nil {
		return 0, err
	}
	if _, err := move(ctx, in, out, warmUp, size); err != nil {
		return 0, fmt.Errorf("warm up: %w", err)
	}
	return move(ctx, in, out, total, size)
}

// makeStream asks in JSON: the client has no field for the mode.
func makeStream(nc *nats.Conn, async bool) error {
	cfg := server.StreamConfig{Name: "raw", Subjects: []string{"raw"}, Storage: server.FileStorage, Replicas: 1,
		MaxMsgs: -1, MaxBytes: -1, MaxConsumers: -1, MaxMsgsPer: -1, MaxMsgSize: -1}
	if async {
		cfg.PersistMode = server.AsyncPersistMode
	}
	body, err := json.Marshal(cfg)
	if err != nil {
		return err
	}
	m, err := nc.Request("$JS.API.STREAM.CREATE.raw", body, 5*time.Second)
	if err != nil {
		return err
	}
	var answer server.JSApiStreamCreateResponse
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return answer.Error
	}
	return nil
}

// move publishes total bytes and returns when they have been consumed.
func move(ctx context.Context, in, out *nats.Conn, total, size int) (time.Duration, error) {
	reader, err := jetstream.New(out)
	if err != nil {
		return 0, err
	}
	writer, err := jetstream.New(in, jetstream.WithPublishAsyncMaxPending(pending))
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
	go func() { failed <- publish(ctx, writer, total, size) }()
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

func publish(ctx context.Context, js jetstream.JetStream, total, size int) error {
	data := make([]byte, size)
	for sent := 0; sent < total; sent += size {
		if _, err := js.PublishAsync("raw", data[:min(size, total-sent)], jetstream.WithStallWait(patience)); err != nil {
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
