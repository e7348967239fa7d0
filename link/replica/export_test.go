package replica

import (
	"time"

	"waverider/topic"
)

// Hasty makes streams begin again at once.
func (o *Outbound) Hasty() { o.first = time.Millisecond }

// Rest sets how long a sender waits before it rests.
func (o *SendOptions) Rest(after time.Duration) { o.rest = after }

// Standing is what a sender knows, for the model of resume_test.go.
type Standing struct {
	Lives        []topic.Life
	Oldest, Next uint64
	Acked        uint64
	ToldEpoch    uint32
	ToldEnd      uint64
}

func (s Standing) Resume(epoch uint32, end uint64) (begin uint64, renew bool) {
	return standing{lives: s.Lives, oldest: s.Oldest, next: s.Next, acked: s.Acked, told: place{s.ToldEpoch, s.ToldEnd}}.resume(place{epoch, end})
}
