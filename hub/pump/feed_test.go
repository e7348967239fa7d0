package pump_test

import (
	"fmt"
	"strings"
	"testing"

	"waverider"
	"waverider/runner"
)

// A Topic that drops its oldest records does not wait for a slow program. It
// goes on behind the gap.
func TestSlowProgramMissesWhatItsTopicDrops(t *testing.T) {
	r := newRig(t)
	in, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "in", ContentType: waverider.TypeNDJSON, MaxBytes: 8 << 20, Discard: waverider.DiscardOld})
	if err != nil {
		t.Fatal(err)
	}
	out := r.topic("out", waverider.TypeNDJSON)
	record := func(i int) string { return fmt.Sprintf("%06d%s\n", i, strings.Repeat("x", 993)) }
	const records = 40_000
	v := r.start(in, out, false)
	for i := 0; i < records; i += 500 {
		var some strings.Builder
		for n := range 500 {
			some.WriteString(record(i + n))
		}
		r.sendLines(in, some.String())
	}
	last, given := -1, 0
	for last < records-1 {
		line := v.read(t, 1000)
		var n int
		if _, err := fmt.Sscanf(line, "%06dx", &n); err != nil || n <= last || line != record(n) {
			t.Fatalf("%.20q came after record %d (%v)", line, last, err)
		}
		last, given = n, given+1
		if given == 1 {
			v.write(t, "first\n")
		}
	}
	if given == records {
		t.Fatal("nothing was dropped")
	}
	v.Mark(uint64(given), 0, true)
	r.acked(in, records+1)
	v.kill()

	// What came of records that are dropped is not looked for among those that
	// are left.
	v = r.start(in, out, false)
	if v.skip != nil && *v.skip != (runner.Skip{}) {
		t.Errorf("skip %+v", v.skip)
	}
	r.sendLines(in, record(records))
	if line := v.read(t, 1000); line != record(records) {
		t.Errorf("given %.20q", line)
	}
}

// The records that a stored output came of are dropped before the program is
// started again.
func TestOutputOfDroppedRecordsIsNotSkipped(t *testing.T) {
	r := newRig(t)
	in, err := r.store.Create(t.Context(), waverider.TopicConfig{Name: "in", ContentType: waverider.TypeNDJSON, MaxBytes: 1 << 20, Discard: waverider.DiscardOld})
	if err != nil {
		t.Fatal(err)
	}
	out := r.topic("out", waverider.TypeNDJSON)
	big := func(c string) string { return strings.Repeat(c, 99_999) + "\n" }
	r.sendLines(in, big("a")+big("b"))
	v := r.start(in, out, true) // nothing is acked but by a save
	v.read(t, 100_000)
	v.write(t, "a\n")
	v.Mark(1, 0, true)
	r.await(out, 2)
	v.kill()
	for range 30 {
		r.sendLines(in, big("c"))
	}
	v = r.start(in, out, true)
	if v.skip != nil && *v.skip != (runner.Skip{}) {
		t.Errorf("skip %+v, but no record is left that anything came of", v.skip)
	}
	if got := v.read(t, 100_000); got != big("c") {
		t.Errorf("given %.10q", got)
	}
}
