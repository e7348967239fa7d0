package dev

import (
	"context"
	"errors"
	"io"
	"strconv"
	"sync"
	"time"

	"waverider"
	"waverider/client"
)

const (
	retryEvery = 250 * time.Millisecond // while the Hub is away
	drainTime  = 2 * time.Second        // for what an ended program has said last
)

// run follows one Instance: all it says is shown, and it is fed.
type run struct {
	hub    *client.Client
	id     string
	show   *printer
	cancel context.CancelFunc
	done   chan struct{} // closed when all its streams have ended
	fed    sync.WaitGroup
}

// streams are what is shown of a program.
var streams = []string{nameOutput, client.Stdout, client.Stderr, client.Log}

func begin(ctx context.Context, hub *client.Client, id string, show *printer, feed *feeder) *run {
	ctx, cancel := context.WithCancel(ctx)
	r := &run{hub: hub, id: id, show: show, cancel: cancel, done: make(chan struct{})}
	var all sync.WaitGroup
	for _, name := range streams {
		all.Go(func() { r.follow(ctx, name) })
	}
	r.fed.Go(func() {
		if err := feed.run(ctx, hub, id); err != nil && ctx.Err() == nil {
			show.fault("the input", err)
		}
	})
	go func() {
		all.Wait()
		close(r.done)
	}()
	return r
}

// finish waits for the last words of a program that has ended, or gives up on
// one that has not, and for all that begin has started.
func (r *run) finish(ended bool) {
	if ended {
		select {
		case <-r.done:
		case <-time.After(drainTime):
		}
	}
	r.cancel()
	<-r.done
	r.fed.Wait()
}

// follow shows a stream to its end. When the connection breaks it goes on
// where it was.
func (r *run) follow(ctx context.Context, name string) {
	out := r.show.stream(name)
	defer out.Close()
	var next int64
	for told := false; ; {
		text, err := r.open(ctx, name, next)
		if err == nil {
			if told {
				r.show.say("the Hub is back")
			}
			told = false
			next = text.Offset
			var n int64
			n, err = io.Copy(out, text)
			next += n
			_ = text.Close()
		}
		switch {
		case err == nil, ctx.Err() != nil, over(err):
			return
		case !told && name == nameOutput:
			told = true
			r.show.say("the Hub is away: %v", err)
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return
		}
	}
}

func (r *run) open(ctx context.Context, name string, next int64) (*client.Text, error) {
	if name == nameOutput {
		return r.hub.ReadOutput(ctx, r.id, next)
	}
	return r.hub.Read(ctx, r.id, name, client.ReadOptions{From: strconv.FormatInt(next, 10)})
}

// over tells that there is nothing more to read, rather than that the Hub is
// away for a moment.
func over(err error) bool {
	var e *waverider.Error
	return errors.As(err, &e) && e.Kind != waverider.Unavailable && e.Kind != waverider.Timeout
}

// lastWords shows what a program has said that failed to start.
func (s *session) lastWords(ctx context.Context) {
	for _, name := range []string{client.Stdout, client.Stderr} {
		text, err := s.cfg.Hub.Read(ctx, string(s.id), name, client.ReadOptions{From: "start", Once: true})
		if err != nil {
			continue // the error of the start says what matters
		}
		out := s.show.stream(name)
		_, _ = io.Copy(out, text)
		_ = text.Close()
		_ = out.Close()
	}
}
