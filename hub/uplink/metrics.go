package uplink

import (
	"fmt"
	"io"

	"waverider/link/replica"
)

// totals is what went to the Space and came from it, in the time of this process.
func (u *Uplink) totals() (up, down replica.Total) {
	if u.share == nil {
		return up, down
	}
	return replica.Sum(u.share.out.Stats()), replica.Sum(u.share.receiver.Stats())
}

// WriteMetrics writes the counters of the Link, in Prometheus' text form.
func (u *Uplink) WriteMetrics(w io.Writer) {
	if !u.Joined() {
		return
	}
	u.mu.Lock()
	s := u.session
	u.mu.Unlock()
	connected := 0
	if s != nil {
		connected = 1
		in, out := s.Traffic()
		fmt.Fprintf(w, "waverider_link_received_bytes %d\nwaverider_link_sent_bytes %d\nwaverider_link_rtt_seconds %g\n", in, out, s.RTT().Seconds())
	}
	up, down := u.totals()
	fmt.Fprintf(w, "waverider_link_connected %d\n", connected)
	fmt.Fprintf(w, "waverider_link_lag_records %d\nwaverider_link_sent_records_total %d\nwaverider_link_resent_records_total %d\nwaverider_link_sent_missed_records_total %d\n",
		up.Lag, up.Records, up.Resent, up.Missed)
	fmt.Fprintf(w, "waverider_link_received_records_total %d\nwaverider_link_received_missed_records_total %d\n", down.Records, down.Missed)
}
