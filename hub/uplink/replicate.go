package uplink

import (
	"context"

	"waverider/link"
)

func (u *Uplink) takeTopic(ctx context.Context, st *link.Stream) {}

func (u *Uplink) sendTopics(ctx context.Context, s *link.Session) {}
