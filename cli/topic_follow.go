package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"waverider"
	"waverider/client"
)

// How long a reader waits before it asks for a Hub that is away again.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// follower reads a Topic over the ends of connections. It reads envelopes: they
// tell where one record ends and the next begins, so that none is written in
// part or twice.
type follower struct {
	app  *app
	c    *client.Client
	name string
	o    client.TopicReadOptions
	out  *bufio.Writer
	raw  bool   // write records, not envelopes
	last string // cursor of the last record that was written
	done bool   // the limit is reached
}

// followTopic writes records until ctx ends, the limit is reached or the Topic
// is deleted.
func (a *app) followTopic(ctx context.Context, c *client.Client, name string, o client.TopicReadOptions) error {
	f := &follower{app: a, c: c, name: name, o: o, out: bufio.NewWriterSize(a.out, 64<<10), raw: !o.Envelope}
	f.o.Envelope = true
	records, err := c.ReadTopic(ctx, name, f.o)
	if err == nil && records.Cursor == "" {
		return a.copyPlain(ctx, records, o)
	}
	for err == nil {
		err = f.copy(records)
		if flushErr := f.out.Flush(); err == nil {
			err = flushErr
		}
		if f.done || !errors.As(err, new(*client.CutError)) {
			break
		}
		if ctx.Err() == nil {
			fmt.Fprintln(a.err, "waverider: the connection broke; waiting for the Hub")
		}
		records, err = f.again(ctx)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// copyPlain reads from a Hub that knows no cursors, as those of Scramjet: all it
// has is bytes that come.
func (a *app) copyPlain(ctx context.Context, records *client.Records, o client.TopicReadOptions) error {
	if o.From != "" || o.Group != "" || o.Limit > 0 || o.Envelope {
		return errors.Join(errors.New("this Hub can only follow a Topic: leave out the flags"), records.Close())
	}
	return copyText(ctx, a.out, records)
}

// copy writes records until the limit is reached or the connection ends: a
// Topic has no end.
func (f *follower) copy(records *client.Records) error {
	defer records.Close()
	in := client.NewRecordReader(records)
	for !f.done {
		if in.Waiting() {
			if err := f.out.Flush(); err != nil {
				return err
			}
		}
		r, err := in.Next()
		switch {
		case err == io.EOF:
			return &client.CutError{Err: err}
		case err != nil:
			return err
		case r.Missed > 0:
			f.app.tellMissed(r.Missed)
		case r.Cursor == f.last: // a Hub that begins at a cursor with the record before it
			continue
		}
		if err := f.write(r); err != nil {
			return err
		}
	}
	return nil
}

func (f *follower) write(r client.Record) error {
	data := r.Line
	if f.raw {
		data = r.Data
	}
	if _, err := f.out.Write(data); err != nil || r.Missed > 0 {
		return err
	}
	f.last = r.Cursor
	if f.o.Limit > 0 {
		f.o.Limit--
		f.done = f.o.Limit == 0
	}
	return nil
}

// again waits for the Hub to be back and goes on where the reader is: the Hub
// remembers it for groups and for readers that share a place.
func (f *follower) again(ctx context.Context) (*client.Records, error) {
	if f.o.From != "" && f.o.Group == "" && f.last != "" {
		f.o.From = f.last
	}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		// To read a Topic that was deleted would make it again.
		kind, err := knownType(ctx, f.c, f.name)
		if err == nil && kind == "" {
			return nil, waverider.Errorf(waverider.Gone, "Topic %s was deleted", f.name)
		}
		if err == nil {
			var records *client.Records
			if records, err = f.c.ReadTopic(ctx, f.name, f.o); err == nil {
				return records, nil
			}
		}
		if !away(err) {
			return nil, err
		}
	}
}

// away tells that a Hub is not there, or not ready, and may be soon.
func away(err error) bool {
	return errors.As(err, new(*client.UnreachableError)) || waverider.KindOf(err) == waverider.Unavailable
}
