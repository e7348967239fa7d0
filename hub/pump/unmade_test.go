package pump_test

import (
	"context"
	"testing"
	"time"

	"waverider"
	"waverider/hub/pump"
	"waverider/runner"
	"waverider/topic"
)

// The disk is full when a program begins whose output Topic has to be made.
func TestOutputTopicThatCannotBeMadeYet(t *testing.T) {
	full := newRigIn(t, t.TempDir(), 1<<60) // below what is to be kept free
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	err := pump.Drain(ctx, pump.Output{
		Topic: func(ctx context.Context) (*topic.Topic, error) {
			return full.store.Ensure(ctx, waverider.TopicConfig{Name: "out", ContentType: waverider.TypeNDJSON})
		},
		Run: pump.Run{Slot: slot, Epoch: 1, Since: 1}, Stream: runner.NewSession(runner.SessionConfig{Key: runner.NewKey()}).Output(), Edge: pump.NewEdge(),
	})
	if ctx.Err() == nil {
		t.Errorf("Drain gives up: %v (kind %v)", err, waverider.KindOf(err))
	}
}
