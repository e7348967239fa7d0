package replica

import "time"

// Hasty makes streams begin again at once.
func (o *Outbound) Hasty() { o.first = time.Millisecond }

// Rest sets how long a sender waits before it rests.
func (o *SendOptions) Rest(after time.Duration) { o.rest = after }
