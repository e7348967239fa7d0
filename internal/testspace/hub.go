package testspace

import (
	"context"
	"errors"
	"fmt"
	"time"

	"waverider/internal/testhub"
)

// Hub is a Hub of a Space.
type Hub struct{ *testhub.Hub }

// Join starts a Hub that joins by a token. url is where it finds the Space: its
// own address, or that of something between them. Args of opt stay for later
// starts.
func (s *Space) Join(ctx context.Context, url, name string, opt testhub.Options) (*Hub, error) {
	token, err := s.Token(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("join token: %w", err)
	}
	always := opt.Args
	opt.Args = append(joinFlags(url, token), always...)
	made, err := testhub.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	h := &Hub{made}
	if err := h.AwaitLink(ctx, true); err != nil {
		return nil, errors.Join(err, fmt.Errorf("the Hub said:\n%s", h.LogTail(20)), h.Close())
	}
	h.SetArgs(append(joinFlags(url, ""), always...)...)
	return h, nil
}

// Return starts a Hub that has joined before, from its data dir. Nothing is
// said of its Link yet.
func (s *Space) Return(ctx context.Context, url string, opt testhub.Options) (*Hub, error) {
	opt.Args = append(joinFlags(url, ""), opt.Args...)
	made, err := testhub.Open(ctx, opt)
	if err != nil {
		return nil, err
	}
	return &Hub{made}, nil
}

// AwaitRefusal waits until the Hub says that its Space does not want it.
func (h *Hub) AwaitRefusal(ctx context.Context) error {
	return await(ctx, "the Hub to say that it is refused", func() (bool, error) {
		l, err := h.Link(ctx)
		return l.Refused(), err
	})
}

// AwaitClone waits until the Space tells that there are two of a Hub.
func (s *Space) AwaitClone(ctx context.Context, name string) error {
	return await(ctx, "the Space to tell of a clone", func() (bool, error) {
		list, err := s.Hubs(ctx)
		for _, h := range list {
			if h.Name == name {
				return len(h.Clone) > 0, err
			}
		}
		return false, err
	})
}

// AwaitLink waits until the Hub says that it has its Space, or has not.
func (h *Hub) AwaitLink(ctx context.Context, connected bool) error {
	return await(ctx, fmt.Sprintf("the Hub to say connected=%v", connected), func() (bool, error) {
		l, err := h.Link(ctx)
		return l.Connected() == connected, err
	})
}

// AwaitHub waits until the Space says that it has a Hub, or has not.
func (s *Space) AwaitHub(ctx context.Context, id string, connected bool) error {
	return await(ctx, fmt.Sprintf("the Space to say connected=%v of %s", connected, id), func() (bool, error) {
		list, err := s.Hubs(ctx)
		for _, h := range list {
			if h.ID == id || h.Name == id {
				return h.Connected == connected, err
			}
		}
		return false, err
	})
}

const pollEvery = 20 * time.Millisecond

// await asks until the answer is yes.
func await(ctx context.Context, what string, ask func() (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, err := ask()
		if ok && err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w, %w", what, ctx.Err(), err)
		}
	}
}
