package demo

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"time"

	"waverider"
	"waverider/client"
)

const (
	retryFirst = 50 * time.Millisecond
	retryMost  = 2 * time.Second
	feedTime   = 10 * time.Second // for one record; the program may be starting again
)

// pipe hands the records of one program to another until ctx ends or one of
// the two has ended for good. Each record goes with its position in the other's
// input, so that sending it again after a cut cannot double it.
func pipe(ctx context.Context, c *client.Client, from, to string) error {
	i, err := c.Instance(ctx, to)
	if err != nil {
		return err
	}
	at := int64(i.Input.Offset)
	return follow(ctx, c, from, func(line []byte) error {
		return again(ctx, func() error {
			ctx, cancel := context.WithTimeout(ctx, feedTime)
			defer cancel()
			err := c.WriteInput(ctx, to, bytes.NewReader(line), client.InputOptions{
				ContentType: "application/x-ndjson", KeepOpen: true, Offset: &at,
			})
			if err == nil {
				at += int64(len(line))
			}
			return err
		})
	})
}

// follow calls each for every whole line of a program's output. When the
// connection breaks it goes on behind the last line that each has taken.
func follow(ctx context.Context, c *client.Client, id string, each func(line []byte) error) error {
	var next int64
	return again(ctx, func() error {
		text, err := c.ReadOutput(ctx, id, next)
		if err != nil {
			return err
		}
		defer text.Close()
		// Bytes that were on their way when the connection broke may be gone:
		// then the first line is the end of one that cannot be read any more.
		torn := next > 0 && text.Offset > next
		next = text.Offset
		for r := bufio.NewReader(text); ; {
			line, err := r.ReadBytes('\n')
			if err != nil {
				return cut(ctx, err)
			}
			if !torn {
				if err := each(line); err != nil {
					return err
				}
			}
			torn = false
			next += int64(len(line))
		}
	})
}

// cut is the end of a stream: that of the program is for good, that of the
// connection is not.
func cut(ctx context.Context, err error) error {
	if errors.Is(err, io.EOF) && ctx.Err() == nil {
		return waverider.Errorf(waverider.Gone, "the program has ended")
	}
	return err
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
// is away or a program that is being started again.
func final(err error) bool {
	var e *waverider.Error
	var broken *net.OpError
	if !errors.As(err, &e) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken) {
		return false // the connection went; the next try tells what is behind it
	}
	switch e.Kind {
	case waverider.Unavailable, waverider.Timeout, waverider.Internal, waverider.Overloaded:
		return false
	}
	return true
}
