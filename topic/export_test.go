package topic

import (
	"context"

	"waverider/bus"
)

// RestartBus does what follows on a full disk that has room again.
func (s *Store) RestartBus(ctx context.Context) error { return s.bus.Restart(ctx) }

// LeaveBehind puts a message where Topics without limits have theirs.
func (t *Topic) LeaveBehind(ctx context.Context) error {
	_, err := t.store.bus.Publish(ctx, streamSync, bus.Msg{Subject: segmentOf(t.name, streamSync).subject(t.store.token, "p"), Data: []byte("x")})
	return err
}

// LeftBehind counts the messages there.
func (t *Topic) LeftBehind(ctx context.Context) (int, error) {
	ms, err := t.store.bus.Fetch(ctx, streamSync, segmentOf(t.name, streamSync).filter(), 0, 100, 1<<20)
	return len(ms), err
}
