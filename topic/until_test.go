package topic_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"waverider"
	"waverider/topic"
)

func TestReaderUntilNowEndsWhenItsRecordsAreDropped(t *testing.T) {
	s := open(t, t.TempDir())
	top := limited(t, s, waverider.TopicConfig{MaxBytes: 50 << 10})
	write(t, top, 0, 100, 100)
	r, err := top.Reader(t.Context(), topic.From{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.UntilNow()
	for i := 100; i < 2000; i += 100 {
		write(t, top, i, i+100, 100)
	}
	within(t, 5*time.Second, func(ctx context.Context) error {
		m, err := r.Next(ctx)
		if m != nil {
			t.Errorf("got records %d to %d, want the end", m.From, m.To)
			m.Release()
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	})
	if r.Missed() != 100 {
		t.Errorf("%d records missed, want 100", r.Missed())
	}
}
