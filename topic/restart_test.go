package topic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

// restarting starts the engine anew, again and again, with room to work between.
func restarting(t *testing.T, s *topic.Store) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := s.RestartBus(context.WithoutCancel(ctx)); err != nil {
				t.Error("restart", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	return func() { cancel(); <-done }
}

// A plain reader goes on through an engine that is started anew (control).
func TestReaderGoesOnThroughARestartOfTheEngine(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "jobs", "sync")
	for i := range 300 {
		write(t, top, i, i+1, 30_000)
	}
	stop := restarting(t, s)
	defer stop()
	r, err := top.Reader(t.Context(), topic.From{})
	for err != nil { // opening is not what is asked here
		r, err = top.Reader(t.Context(), topic.From{})
	}
	defer r.Close()
	r.UntilNow()
	var n uint64
	for {
		m, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("after %d: %v", n, err)
		}
		n += m.Count()
		m.Release()
		time.Sleep(5 * time.Millisecond)
	}
	if n != 300 {
		t.Error(n)
	}
}

func TestMemberGoesOnThroughARestartOfTheEngine(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "jobs", "sync")
	for i := range 300 {
		write(t, top, i, i+1, 30_000)
	}
	m := join(t, top, topic.JoinOptions{UntilNow: true})
	defer m.Close()
	stop := restarting(t, s)
	defer stop()
	var n uint64
	for {
		msg, err := m.Next(t.Context(), 0)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("after %d records the group ends with: %v (kind %v)", n, err, waverider.KindOf(err))
		}
		n += msg.Count()
		msg.Ack()
		msg.Release()
		time.Sleep(5 * time.Millisecond)
	}
}

// A producer whose Topic needs room.
func TestFullTopicGoesOnThroughARestartOfTheEngine(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{Name: "small", MaxBytes: 200_000, ContentType: waverider.TypeNDJSON})
	w, err := top.Writer(t.Context(), "slot-x")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	stop := restarting(t, s)
	defer stop()
	for i := range 2000 {
		data, lengths := lines(i, i+1, 5000)
		if err := w.Append(t.Context(), data, lengths, topic.State{Epoch: 1, End: uint64(i + 1)}); err != nil {
			t.Fatalf("append %d: %v (kind %v)", i, err, waverider.KindOf(err))
		}
	}
}

// A producer that opens a Topic while the engine is started anew.
func TestWriterIsOpenedThroughARestartOfTheEngine(t *testing.T) {
	s := open(t, t.TempDir())
	top := create(t, s, "jobs", "sync")
	write(t, top, 0, 1, 50)
	stop := restarting(t, s)
	defer stop()
	for i := range 2000 {
		w, err := top.Writer(t.Context(), fmt.Sprint("slot-", i))
		if err != nil {
			t.Fatalf("writer %d: %v (kind %v)", i, err, waverider.KindOf(err))
		}
		w.Close()
	}
}
