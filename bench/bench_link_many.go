package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"waverider/auth"
	"waverider/internal/testhub"
	"waverider/internal/testspace"
	"waverider/link"
)

const (
	manyHubs  = 500
	joinAt    = 16               // of them at once
	manyQuiet = 20 * time.Second // until the Space has cleaned up after the joins
	loadEvery = 5 * time.Second  // as a Hub does
)

// benchLinkMany links many Hubs to one Space, all of them in this process: what
// each costs the Space while it is idle, and how soon all are back when the
// Space was started anew.
func benchLinkMany(ctx context.Context, g *rig) (figures []figure, err error) {
	space, err := testspace.Open(ctx, testhub.Options{Binary: g.binary})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &bareHubs{}
	defer func() {
		cancel()
		c.tasks.Wait()
		err = errors.Join(err, space.Close())
	}()
	empty, err := settled(ctx, space, 3*time.Second)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if err := c.join(ctx, space, manyHubs); err != nil {
		return nil, fmt.Errorf("%w\n  the Space's last words:\n%s", err, space.LogTail(8))
	}
	joined := time.Since(began)
	full, err := settled(ctx, space, manyQuiet)
	if err != nil {
		return nil, err
	}
	if n := c.here.Load(); n != manyHubs {
		return nil, fmt.Errorf("%d of %d Hubs are linked", n, manyHubs)
	}
	note := fmt.Sprintf("joined in %.1f s; the Space alone %.0f MB", joined.Seconds(), megabytes(empty))
	figures = []figure{
		{Name: fmt.Sprintf("Space memory with %d Hubs", manyHubs), Value: megabytes(full), Unit: "MB", Goal: 300, Note: note},
		{Name: "a linked idle Hub on the Space", Value: float64(full-empty) / manyHubs / 1024, Unit: "KB", Goal: 300},
	}
	back, err := c.comeBack(ctx, space)
	return append(figures, figure{Name: fmt.Sprintf("%d Hubs back after a Space restart", manyHubs), Value: back.Seconds(), Unit: "s", Goal: 20}), err
}

// settled is the memory of the Space after a while without events.
func settled(ctx context.Context, s *testspace.Space, quiet time.Duration) (int64, error) {
	select {
	case <-time.After(quiet):
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	return testhub.RSS(s.PID())
}

// bareHubs is Hubs without anything but their Links.
type bareHubs struct {
	tasks sync.WaitGroup
	here  atomic.Int64 // how many are linked
}

func (c *bareHubs) join(ctx context.Context, s *testspace.Space, n int) error {
	return together(ctx, n, joinAt, func(joining context.Context) error {
		text, err := s.Token(joining, "")
		if err != nil {
			return err
		}
		token, err := link.ParseJoinToken(text)
		if err != nil {
			return err
		}
		key, err := auth.NewKey()
		if err != nil {
			return err
		}
		h := &bareHub{bareHubs: c, dialer: link.Dialer{URL: s.URL(), Space: token.Space, Key: key, Trust: link.Trust{Pin: token.Pin}}, join: token.Answer()}
		first := make(chan error, 1)
		c.tasks.Go(func() {
			link.Keep(ctx, nil, h.dial, func(ctx context.Context, l *link.Session) error { return h.serve(ctx, l, first) }, func(err error) { tell(first, err) })
		})
		select {
		case err = <-first:
		case <-joining.Done():
			err = context.Cause(joining)
		}
		return err
	})
}

// tell tells the first news.
func tell(first chan error, err error) {
	select {
	case first <- err:
	default:
	}
}

// comeBack starts the Space anew and waits for all.
func (c *bareHubs) comeBack(ctx context.Context, s *testspace.Space) (time.Duration, error) {
	s.SetListen(s.Addr())
	if err := s.End(ctx, syscall.SIGTERM); err != nil {
		return 0, err
	}
	for c.here.Load() > 0 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Start(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	for c.here.Load() < manyHubs {
		if ctx.Err() != nil || time.Since(began) > time.Minute {
			return 0, fmt.Errorf("%d of %d Hubs are back", c.here.Load(), manyHubs)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(began), nil
}

type bareHub struct {
	*bareHubs
	dialer       link.Dialer
	join, ticket string
}

func (h *bareHub) dial(ctx context.Context) (*link.Session, error) {
	l, err := h.dialer.Dial(ctx, func(string) link.Hello { return link.Hello{Join: h.join, Ticket: h.ticket, Build: "bench"} })
	if err == nil {
		h.join, h.ticket = "", l.Welcome.Ticket
	}
	return l, err
}

// serve says what an idle Hub says.
func (h *bareHub) serve(ctx context.Context, l *link.Session, first chan error) error {
	ended := make(chan error, 1)
	go func() { ended <- l.Run(ctx, link.Handlers{}) }()
	err := l.Send(link.MessageConfirm, link.Confirm{Ticket: h.ticket})
	if err == nil {
		err = l.Send(link.MessageEntities, map[string][]any{"sequences": {}, "instances": {}, "topics": {}})
	}
	tell(first, err)
	if err == nil {
		h.here.Add(1)
		defer h.here.Add(-1)
	}
	tick := time.NewTicker(loadEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
			_ = l.Send(link.MessageLoad, map[string]any{"avgLoad": 0.5, "currentLoad": 0.5, "memFree": 1 << 30, "memUsed": 1 << 30, "fsSize": []any{}}) // the end says more
		}
	}
}
