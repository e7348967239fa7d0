package replica_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"testing"
	"time"

	"waverider"
	"waverider/link/replica"
	"waverider/topic"
)

func benchStore(b *testing.B, id string) *topic.Store {
	b.Helper()
	s, err := topic.Open(b.Context(), topic.Config{Dir: b.TempDir(), Hub: id, MaxStore: 16 << 30, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return s
}

func benchTopic(b *testing.B, s *topic.Store) *topic.Topic {
	b.Helper()
	t, err := s.Ensure(b.Context(), waverider.TopicConfig{Name: "t", ContentType: waverider.TypeNDJSON, MaxBytes: 8 << 30})
	if err != nil {
		b.Fatal(err)
	}
	return t
}

// hop sends the Topic over TCP until the benchmark ends.
func hop(b *testing.B, from, to *topic.Store, reader, producer string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 2)
	go func() {
		defer func() { done <- struct{}{} }()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = replica.NewReceiver(to, replica.ReceiverOptions{}).Serve(ctx, conn, replica.Peer{Producer: producer, Name: "peer"})
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	top := benchTopic(b, from)
	go func() {
		defer func() { done <- struct{}{} }()
		if err := replica.Send(ctx, conn, top, replica.SendOptions{Reader: reader, Skip: reader}); !errors.Is(err, context.Canceled) {
			b.Error(err)
		}
	}()
	b.Cleanup(func() { cancel(); _ = l.Close(); <-done; <-done })
}

const benchRecords = 1 << 10 // at once

func chunk() (data []byte, lengths []uint32) {
	data = bytes.Repeat([]byte(`{"sensor":"t-17","value":21.25,"unit":"celsius","at":"2026-01-01T00:00:00.000Z","pad":"xxxxxxxxxx"}`+"\n"), benchRecords)
	return data, slices.Repeat([]uint32{uint32(len(data) / benchRecords)}, benchRecords)
}

func fill(b *testing.B, t *topic.Topic, chunks int) {
	w, err := t.Writer(b.Context(), topic.Anonymous)
	if err != nil {
		b.Error(err)
		return
	}
	defer w.Close()
	data, lengths := chunk()
	for range chunks {
		if err := w.Append(b.Context(), data, lengths, topic.State{}); err != nil {
			b.Error(err)
			return
		}
	}
	if _, err := w.Flush(b.Context()); err != nil {
		b.Error(err)
	}
}

func await(b *testing.B, t *topic.Topic, records uint64) {
	b.Helper()
	r, err := t.Reader(b.Context(), topic.From{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	for n := uint64(0); n < records; {
		m, err := r.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		n += m.Count()
		m.Release()
	}
}

func report(b *testing.B, records int) {
	per := b.Elapsed().Seconds()
	data, _ := chunk()
	b.ReportMetric(float64(records)/per, "records/s")
	b.ReportMetric(float64(records)/per*float64(len(data)/benchRecords)/1e6, "MB/s")
}

// A backlog goes over one hop; both sides sync.
func BenchmarkBacklog(b *testing.B) {
	from, to := benchStore(b, "a"), benchStore(b, "s")
	chunks := b.N
	fill(b, benchTopic(b, from), chunks)
	b.ResetTimer()
	hop(b, from, to, topic.FarSpace, topic.FarHub+"a")
	await(b, benchTopic(b, to), uint64(chunks*benchRecords))
	report(b, chunks*benchRecords)
}

// What is stored at one Hub comes to another by the Space, at once.
func BenchmarkTwoHops(b *testing.B) {
	x, s, y := benchStore(b, "a"), benchStore(b, "s"), benchStore(b, "b")
	for _, store := range []*topic.Store{x, s, y} {
		benchTopic(b, store)
	}
	hop(b, x, s, topic.FarSpace, topic.FarHub+"a")
	hop(b, s, y, topic.FarHub+"b", topic.FarSpace)
	b.ResetTimer()
	go fill(b, benchTopic(b, x), b.N)
	await(b, benchTopic(b, y), uint64(b.N*benchRecords))
	report(b, b.N*benchRecords)
}

// One record at a time, over two hops.
func BenchmarkLatency(b *testing.B) {
	x, s, y := benchStore(b, "a"), benchStore(b, "s"), benchStore(b, "b")
	for _, store := range []*topic.Store{x, s, y} {
		benchTopic(b, store)
	}
	hop(b, x, s, topic.FarSpace, topic.FarHub+"a")
	hop(b, s, y, topic.FarHub+"b", topic.FarSpace)
	w, err := benchTopic(b, x).Writer(b.Context(), topic.Anonymous)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	r, err := benchTopic(b, y).Reader(b.Context(), topic.From{})
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	data, lengths := chunk()
	n := int(lengths[0])
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if err := w.Append(b.Context(), data[:n], lengths[:1], topic.State{}); err != nil {
			b.Fatal(err)
		}
		m, err := r.Next(b.Context())
		if errors.Is(err, io.EOF) || err != nil {
			b.Fatal(err)
		}
		m.Release()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
