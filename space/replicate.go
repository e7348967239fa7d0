package space

import (
	"context"

	"waverider/link"
)

func (c *session) takeTopic(ctx context.Context, st *link.Stream) {}

func (c *session) sendTopics(ctx context.Context) {}
