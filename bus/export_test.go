package bus

import "github.com/nats-io/nats-server/v2/server"

// Server shows the running engine to tests.
func (b *Bus) Server() *server.Server { return b.engine.server }

var ClaimVersion = claimVersion
