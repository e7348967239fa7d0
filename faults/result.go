package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"waverider/faults/tally"
)

// result is what one fault did.
type result struct {
	name    string
	skipped string // why it could not be done here

	mu                                   sync.Mutex
	rounds                               int
	lost, duplicated, reordered, corrupt int64
	records                              int64 // that were checked
	repeated                             int64 // of them, by their producer: no harm
	recovery                             []time.Duration
	gap                                  time.Duration   // longest time without a record on a stream
	notice                               []time.Duration // until one side said that the other is away
	drains                               []drain
	failures                             []string
	notes                                []string // to know, and no harm
}

// drain is what was stored while a way was gone, and how long it took to come.
type drain struct {
	records int64
	took    time.Duration
}

func (r *result) noticed(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notice = append(r.notice, d)
}

func (r *result) drained(records int64, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drains = append(r.drains, drain{records, took})
}

// link tells what is known of Links alone.
func (r *result) link() string {
	var parts []string
	if len(r.notice) > 0 {
		parts = append(parts, "away was said after "+recovery(r.notice)+" s (median, worst)")
	}
	var most drain
	for _, d := range r.drains {
		if d.records > most.records {
			most = d
		}
	}
	if most.records > fewRecords {
		parts = append(parts, fmt.Sprintf("the largest backlog, %d records, came in %.2f s: %.0f a second", most.records, most.took.Seconds(),
			float64(most.records)/most.took.Seconds()))
	}
	return strings.Join(parts, "; ")
}

// failf notes an expectation that did not hold.
func (r *result) failf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, fmt.Sprintf(format, args...))
}

// notef tells something that is as it may be.
func (r *result) notef(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// took takes in what was found in a Topic; name tells which.
func (r *result) took(name string, f tally.Findings) {
	if !f.Good() {
		r.failf("%s: %v", name, f)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records += f.Records
	r.lost += f.Lost
	r.duplicated += f.Duplicated
	r.reordered += f.Reordered
	r.corrupt += f.Corrupt
	r.repeated += f.Repeated
}

// repeats counts records that came again as they may.
func (r *result) repeats(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.repeated += n
}

// mayLose counts losses that are no harm.
func (r *result) mayLose(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost += n
}

// add takes in what a checker found; name tells the stream.
func (r *result) add(name string, c *checker) {
	lost := c.lost()
	if lost+c.duplicated+c.reordered+c.corrupt > 0 {
		r.failf("%s: of %d records %d lost, %d duplicated, %d reordered, %d corrupt%s", name, c.next,
			lost, c.duplicated, c.reordered, c.corrupt, c.where())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost += lost
	r.duplicated += c.duplicated
	r.reordered += c.reordered
	r.corrupt += c.corrupt
	r.records += c.next - lost
}

// where tells the first records that are missing.
func (c *checker) where() string {
	if len(c.missing) == 0 {
		return ""
	}
	var parts []string
	for _, s := range c.missing[:min(3, len(c.missing))] {
		parts = append(parts, fmt.Sprintf("%d-%d", s.first, s.end-1))
	}
	return "; missing " + strings.Join(parts, ", ")
}

func (r *result) recovered(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recovery = append(r.recovery, d)
}

func (r *result) longest(gap time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gap = max(r.gap, gap)
}

func (r *result) round() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rounds++
}

func (r *result) mood() string {
	switch {
	case r.skipped != "":
		return "  skipped: " + r.skipped
	case len(r.failures) > 0:
		return fmt.Sprintf("  FAILED, %d expectations", len(r.failures))
	}
	return ""
}

// report writes the table and what did not hold. Its error says that
// something did not.
func report(w io.Writer, results []*result) error {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FAULT\tROUNDS\tRECORDS\tLOST\tDUPLICATED\tREORDERED\tCORRUPT\tRECOVERY s (median, worst)\tLONGEST GAP s\t")
	failed := 0
	for _, r := range results {
		if r.skipped != "" {
			fmt.Fprintf(t, "%s\tskipped: %s\n", r.name, r.skipped)
			continue
		}
		verdict := "ok"
		if len(r.failures) > 0 {
			verdict, failed = "FAILED", failed+1
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", r.name, r.rounds, r.records, r.lost, r.duplicated,
			r.reordered, r.corrupt, recovery(r.recovery), seconds(r.gap), verdict)
	}
	_ = t.Flush() // w is a terminal or a pipe: nothing to do about it
	for _, r := range results {
		if r.repeated > 0 {
			fmt.Fprintf(w, "%s: %d records came again as they may: their producer or their reader was not sure of them\n", r.name, r.repeated)
		}
		if text := r.link(); text != "" {
			fmt.Fprintf(w, "%s: %s\n", r.name, text)
		}
		for _, n := range r.notes {
			fmt.Fprintf(w, "%s: %s\n", r.name, n)
		}
		for _, f := range r.failures {
			fmt.Fprintf(w, "%s: %s\n", r.name, f)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d faults did harm", failed, len(results))
	}
	return nil
}

func recovery(all []time.Duration) string {
	if len(all) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%.3f, %.3f", sorted[len(sorted)/2].Seconds(), sorted[len(sorted)-1].Seconds())
}

func seconds(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}
