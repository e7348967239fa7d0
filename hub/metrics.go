package hub

import (
	"fmt"
	"io"

	"github.com/VictoriaMetrics/metrics"

	"waverider"
)

// hubMetrics are the Hub's own figures, in Prometheus' text form.
type hubMetrics struct {
	set       *metrics.Set
	started   *metrics.Counter
	uploads   *metrics.Counter
	restarts  *metrics.Counter
	completed *metrics.Counter
	errored   *metrics.Counter
	inBytes   *metrics.Counter
	outBytes  *metrics.Counter
}

func newMetrics() *hubMetrics {
	set := metrics.NewSet()
	m := &hubMetrics{
		set:       set,
		started:   set.NewCounter("waverider_instances_started_total"),
		uploads:   set.NewCounter("waverider_packages_uploaded_total"),
		restarts:  set.NewCounter("waverider_instance_restarts_total"),
		completed: set.NewCounter(`waverider_instances_ended_total{status="completed"}`),
		errored:   set.NewCounter(`waverider_instances_ended_total{status="errored"}`),
		inBytes:   set.NewCounter("waverider_instance_input_bytes_total"),
		outBytes:  set.NewCounter("waverider_instance_output_bytes_total"),
	}
	return m
}

func (m *hubMetrics) ended(status waverider.Status) {
	switch status {
	case waverider.StatusRestarting:
		m.restarts.Inc()
	case waverider.StatusCompleted:
		m.completed.Inc()
	default:
		m.errored.Inc()
	}
}

// writeMetrics answers GET /metrics.
func (h *Hub) writeMetrics(w io.Writer) {
	h.metrics.set.WritePrometheus(w)
	counts := map[waverider.Status]int{}
	for _, in := range h.Instances() {
		counts[in.record().Status]++
	}
	for _, s := range []waverider.Status{waverider.StatusInitializing, waverider.StatusStarting, waverider.StatusRunning,
		waverider.StatusStopping, waverider.StatusKilling, waverider.StatusRestarting, waverider.StatusCompleted, waverider.StatusErrored} {
		fmt.Fprintf(w, "waverider_instances{status=%q} %d\n", s, counts[s])
	}
	fmt.Fprintf(w, "waverider_sequences %d\nwaverider_build_info{version=%q} 1\n", len(h.Sequences()), h.cfg.Build)
	metrics.WriteProcessMetrics(w)
}
