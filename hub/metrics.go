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
	topicIn   flowMetrics
	topicOut  flowMetrics
}

// flowMetrics count records on one way.
type flowMetrics struct{ records, bytes *metrics.Counter }

func (f flowMetrics) add(records uint64, bytes int) {
	f.records.AddInt64(int64(records))
	f.bytes.Add(bytes)
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
		topicIn:   flowMetrics{set.NewCounter("waverider_topic_input_records_total"), set.NewCounter("waverider_topic_input_bytes_total")},
		topicOut:  flowMetrics{set.NewCounter("waverider_topic_output_records_total"), set.NewCounter("waverider_topic_output_bytes_total")},
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
	if h.cfg.Topics != nil {
		fmt.Fprintf(w, "waverider_topics %d\n", len(h.cfg.Topics.Topics()))
	}
	if h.cfg.LinkMetrics != nil {
		h.cfg.LinkMetrics(w)
	}
	fmt.Fprintf(w, "waverider_sequences %d\nwaverider_build_info{version=%q} 1\n", len(h.Sequences()), h.cfg.Build)
	metrics.WriteProcessMetrics(w)
}
