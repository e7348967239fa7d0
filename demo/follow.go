package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"waverider"
	"waverider/client"
)

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = time.Second
)

// follow reads a Topic from its start until ctx ends. It calls each for every
// record, and missed when records were dropped before they could be read. When
// the connection breaks, or the Hub dies, it goes on behind the last record.
func follow[T any](ctx context.Context, c *client.Client, topic waverider.TopicName, each func(T), missed func(uint64)) error {
	o := client.TopicReadOptions{From: "start", Envelope: true, ContentType: waverider.TypeNDJSON}
	return again(ctx, func() error {
		stream, err := c.ReadTopic(ctx, string(topic), o)
		if waverider.KindOf(err) == waverider.Gone {
			o.From = "start" // somebody deleted the Topic, and a program made it anew
		}
		if err != nil {
			return err
		}
		defer stream.Close()
		for records := client.NewRecordReader(stream); ; {
			r, err := records.Next()
			if err != nil {
				return err
			}
			if r.Missed > 0 {
				missed(r.Missed)
				continue
			}
			var v T
			if json.Unmarshal(r.Data, &v) == nil { // what is of another kind, somebody else has sent
				each(v)
			}
			o.From = r.Cursor
		}
	})
}

// again does what may fail for a while, until it succeeds, ctx ends, or the
// error is one that time will not heal.
func again(ctx context.Context, do func() error) error {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		began := time.Now()
		err := do()
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case final(err):
			return err
		case time.Since(began) > retryMost:
			wait = retryFirst // it worked in between
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// final tells errors that trying again does not help from those of a Hub that
// is away, a connection that broke, or a Topic that was deleted.
func final(err error) bool {
	if errors.Is(err, io.EOF) || errors.As(err, new(*client.CutError)) || errors.As(err, new(*client.UnreachableError)) {
		return false
	}
	var e *waverider.Error
	if !errors.As(err, &e) {
		return true
	}
	switch e.Kind {
	case waverider.Unavailable, waverider.Timeout, waverider.Internal, waverider.Overloaded, waverider.Gone, waverider.NotFound:
		return false
	}
	return true
}
