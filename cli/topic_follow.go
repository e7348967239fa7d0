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

const (
	// How long a reader waits before it asks for a Hub that is away again.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 2 * time.Second

	// groupPatience is how long a group's records stay with a reader whose
	// output is not taken. One that leaves gives them back at once.
	groupPatience = 10 * time.Minute
	lastAck       = 2 * time.Second // for the ack of what was written before the end
)

// follower reads a Topic over the ends of connections. It reads envelopes: they
// tell where one record ends and the next begins, so that none is written in
// part. What it reads for a group it acks once it is written, so that none is
// lost with it, or with the connection.
type follower struct {
	app  *app
	c    *client.Client
	name string
	o    client.TopicReadOptions
	out  *bufio.Writer
	raw  bool   // write records, not envelopes
	once bool   // the end of a stream is the end
	last string // where it is: the cursor of the last record that was written
	done bool   // the limit is reached
	acks bool   // ack what is written
	had  []span // written and not acked
}

// span is records that lie one after the other.
type span struct{ from, to string }

// followTopic writes records until ctx ends, the limit is reached, or the Topic
// is deleted; with Once until it has what there is.
func (a *app) followTopic(ctx context.Context, c *client.Client, name string, o client.TopicReadOptions) error {
	f := &follower{app: a, c: c, name: name, o: o, out: bufio.NewWriterSize(a.out, 64<<10), raw: !o.Envelope, once: o.Once}
	f.o.Envelope = true
	if o.Group != "" && !o.ExplicitAck {
		f.acks, f.o.ExplicitAck, f.o.AckWait = true, true, groupPatience
	}
	records, err := c.ReadTopic(ctx, name, f.o)
	if err == nil && records.Cursor == "" {
		return a.copyPlain(ctx, records, o)
	}
	if err == nil {
		f.last = records.Cursor // "new" is another place when it is asked for again
	}
	for err == nil {
		err = f.copy(ctx, records)
		if f.done || f.once || !errors.As(err, new(*client.CutError)) {
			break
		}
		if ctx.Err() == nil {
			fmt.Fprintln(a.err, "waverider: the connection broke; waiting for the Hub")
		}
		records, err = f.again(ctx)
	}
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAck)
	defer cancel()
	if ackErr := f.settle(final); err == nil {
		err = ackErr
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// copyPlain reads from a Hub that knows no cursors, as those of Scramjet: all it
// has is bytes that come.
func (a *app) copyPlain(ctx context.Context, records *client.Records, o client.TopicReadOptions) error {
	if o.From != "" || o.Group != "" || o.Limit > 0 || o.Envelope || o.Once {
		return errors.Join(errors.New("this Hub can only follow a Topic: leave out the flags"), records.Close())
	}
	return copyText(ctx, a.out, records)
}

// copy writes records until the stream ends or is cut: one that follows has no
// other end than the limit.
func (f *follower) copy(ctx context.Context, records *client.Records) error {
	defer records.Close()
	in := client.NewRecordReader(records)
	for {
		if in.Waiting() {
			if err := f.settle(ctx); err != nil {
				return err
			}
		}
		r, err := in.Next()
		switch {
		case err != nil && f.done, err == io.EOF && f.once:
			return nil
		case err == io.EOF:
			return &client.CutError{Err: err}
		case err != nil:
			return err
		case f.done, r.Missed == 0 && r.Cursor == f.last:
			continue
		}
		if err := f.write(r); err != nil {
			return err
		}
	}
}

func (f *follower) write(r client.Record) error {
	f.app.tellMissed(r.Missed)
	data := r.Line
	if f.raw {
		data = r.Data
	}
	if _, err := f.out.Write(data); err != nil || r.Missed > 0 {
		return err
	}
	f.last = r.Cursor
	if n := len(f.had); f.acks && n > 0 && f.had[n-1].to == r.From {
		f.had[n-1].to = r.Cursor
	} else if f.acks {
		f.had = append(f.had, span{r.From, r.Cursor})
	}
	if f.o.Limit > 0 {
		f.o.Limit--
		f.done = f.o.Limit == 0
	}
	return nil
}

// settle hands on what was written and then acks it. A Hub that is away has cut
// the connection too.
func (f *follower) settle(ctx context.Context) error {
	if err := f.out.Flush(); err != nil {
		return err
	}
	for len(f.had) > 0 {
		_, err := f.c.AckTopic(ctx, f.name, f.o.Group, f.had[0].from, f.had[0].to)
		if away(err) {
			return &client.CutError{Err: err}
		} else if err != nil {
			return err
		}
		f.had = f.had[1:]
	}
	return nil
}

// again waits for the Hub to be back and goes on where the reader is.
func (f *follower) again(ctx context.Context) (*client.Records, error) {
	if f.o.From != "" && f.o.Group == "" {
		f.o.From = f.last
	}
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
		records, err := f.reopen(ctx)
		if err == nil || !away(err) {
			return records, err
		}
	}
}

func (f *follower) reopen(ctx context.Context) (*client.Records, error) {
	// To read a Topic that was deleted would make it again.
	kind, err := knownType(ctx, f.c, f.name)
	if err == nil && kind == "" {
		return nil, waverider.Errorf(waverider.Gone, "Topic %s was deleted", f.name)
	}
	if err == nil {
		err = f.settle(ctx) // before the Hub gives it again
	}
	if err != nil {
		return nil, err
	}
	return f.c.ReadTopic(ctx, f.name, f.o)
}

// away tells that a Hub is not there, or not ready, and may be soon.
func away(err error) bool {
	return err != nil && (errors.As(err, new(*client.UnreachableError)) || waverider.KindOf(err) == waverider.Unavailable)
}
