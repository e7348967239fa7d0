package demo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"waverider"
	"waverider/localhub"
	"waverider/tty"
)

func TestChart(t *testing.T) {
	for _, c := range []struct {
		name   string
		values []float64
		full   float64
		width  int
		want   string
	}{
		{"nothing yet", nil, 1, 10, ""},
		{"a share", []float64{0, 0.5, 1}, 1, 10, "▁▅█"},
		{"more than full", []float64{2, -1}, 1, 10, "█▁"},
		{"the largest fills", []float64{1, 100, 50}, 0, 10, "▁█▅"},
		{"all zero", []float64{0, 0}, 0, 10, "▁▁"},
		{"no peak is lost", []float64{0, 0, 0, 1, 0, 0}, 1, 3, "▁█▁"},
		{"no room", []float64{1}, 1, 0, ""},
	} {
		if got := chart(c.values, c.full, c.width); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRate(t *testing.T) {
	for v, want := range map[float64]string{0: "0 B/s", 999: "999 B/s", 999.6: "1.0 kB/s", 1234: "1.2 kB/s", 5e6: "5.0 MB/s", 2e12: "2000.0 GB/s"} {
		if got := rate(v); got != want {
			t.Errorf("rate(%v) = %q, want %q", v, got, want)
		}
	}
}

func summaryOf(t *testing.T, text string) (s summary) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func testDisplay() *display {
	list := programs()
	for i, id := range []string{"11111111-2222", "33333333-4444", "55555555-6666"} {
		list[i].id = id
	}
	return newDisplay(&bytes.Buffer{}, tty.Terminal{}, &localhub.Hub{}, list)
}

// told is what a display without a terminal has said, without the times.
func told(s *display) (out []string) {
	for line := range strings.Lines(s.out.(*bytes.Buffer).String()) {
		out = append(out, strings.TrimSpace(line[len(time.TimeOnly):]))
	}
	return out
}

func TestPictureFitsTheTerminal(t *testing.T) {
	s := testDisplay()
	for i := range 2 * samples {
		s.takeReading(reading{1, i + 1})
		s.takeSummary(summaryOf(t, fmt.Sprintf(`{"at":1,"of":{"/run":1,"/n":%d},"figures":{"/cpu/busy":{"count":3,"last":0.5,"mean":0.4,"p95":0.9,"max":1}}}`, i+1)))
	}
	s.takeFlows([]flow{{status: waverider.StatusRunning, pid: 4194303, rate: 2, lag: -1}, {status: waverider.StatusRestarting, lag: 12345}, {status: waverider.StatusErrored}})
	s.takeAlert(alert{N: 1, Figure: "/cpu/busy", Raised: true, Value: 1, Mean: 0.2})
	for _, width := range []int{20, 57, 60, 80, 110, 120, 200} {
		for _, r := range s.picture(time.Now(), width) {
			if got := utf8.RuneCountInString(r.paint(tty.Terminal{}, width)); got > width {
				t.Errorf("width %d: %d columns in %q", width, got, r.text())
			}
		}
		table := s.flowTable(width)
		for _, l := range table {
			if got := utf8.RuneCountInString(l.text()); width >= 57 && got > width {
				t.Errorf("width %d: a row of programs has %d columns: %q", width, got, l.text())
			}
		}
	}
	for width, want := range map[int]string{20: "now", 60: "now mean p95", 80: "now mean p95 max last 30 s"} {
		if got := strings.Join(strings.Fields(s.figureTable(width)[0].text()), " "); got != want {
			t.Errorf("width %d has the columns %q, want %q", width, got, want)
		}
	}
	for width, want := range map[int]string{
		60:  "program lag Topic lost doubled",
		66:  "program lag Topic rate lost doubled",
		80:  "program pid lag Topic records rate lost doubled",
		110: "program pid restarts lag Topic records rate lost doubled",
	} {
		if got := strings.Join(strings.Fields(s.flowTable(width)[0].text()), " "); got != want {
			t.Errorf("width %d has the columns %q, want %q", width, got, want)
		}
	}
	table := s.figureTable(80)
	if got := table[1].text(); !strings.Contains(got, "50.0 %") || !strings.Contains(got, "▅") {
		t.Errorf("CPU: %q", got)
	}
	if got := table[6].text(); !strings.Contains(got, "–") {
		t.Errorf("a figure this system does not tell: %q", got)
	}
	starts := map[int]bool{}
	for _, r := range table[1:] {
		starts[utf8.RuneCountInString(r.line[0].words)] = true
	}
	if len(starts) != 1 {
		t.Errorf("rows are not aligned: %v", starts)
	}
}

func TestProgramsAreShownWithTheirTopics(t *testing.T) {
	s := testDisplay()
	s.takeReading(reading{1, 1})
	s.takeReading(reading{1, 3})
	s.takeSummary(summaryOf(t, `{"at":1,"of":{"/run":1,"/n":1},"figures":{}}`))
	s.takeSummary(summaryOf(t, `{"at":1,"of":{"/run":1,"/n":1},"figures":{}}`))
	s.takeFlows([]flow{
		{status: waverider.StatusRunning, pid: 1001, rate: 2, lag: -1},
		{status: waverider.StatusRestarting, restarts: 2, lag: 5},
		{status: waverider.StatusErrored, err: "no", lag: 0},
	})
	var got []string
	for _, l := range s.flowTable(120)[1:] {
		got = append(got, strings.Join(strings.Fields(l.text()), " "))
	}
	want := []string{
		"machine-figures 1001 0 – ━▶ machine.figures 2 2.0 /s 1 0",
		"rolling-stats starting 2 5 ━▶ machine.stats 2 0.0 /s 0 1",
		"alerts ended 0 0 ━▶ machine.alerts 0 0.0 /s 0 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
	if got := s.outcome(); got != "2 readings, 0 alerts, 1 lost, 1 doubled" {
		t.Errorf("outcome: %s", got)
	}
}

func TestRowsGoByTheirRank(t *testing.T) {
	picture := func() (out []row) {
		for _, r := range []struct {
			words string
			rank  int
		}{{"a", rankTop}, {"b", 0}, {"c", rankFrame}, {"d", rankSpare}, {"e", rankSpare}, {"f", rankFrame}, {"g", 0}} {
			out = append(out, row{line{{"", r.words}}, r.rank})
		}
		return out
	}
	for height, want := range map[int]string{9: "abcdefg", 7: "abcdefg", 6: "bcdefg", 5: "bcdfg", 4: "bcfg", 3: "bcg", 2: "bg", 1: "b", 0: "b"} {
		var got string
		for _, r := range fit(picture(), height) {
			got += r.text()
		}
		if got != want {
			t.Errorf("height %d: %q, want %q", height, got, want)
		}
	}
}

func TestAlertsAreShownUntilTheyAreTakenBack(t *testing.T) {
	s := testDisplay()
	s.takeSummary(summaryOf(t, `{"at":1,"of":{"/run":1,"/n":1},"figures":{}}`))
	s.takeAlert(alert{N: 1, Figure: "/cpu/busy", Raised: true, Value: 0.9, Mean: 0.5})
	if got := s.alertLine(time.UnixMilli(3000)).text(); got != "  ● CPU is high since 3s" {
		t.Errorf("while it is on: %q", got)
	}
	s.takeAlert(alert{N: 2, Figure: "/cpu/busy", Value: 0.4, Mean: 0.5})
	if got := s.alertLine(time.UnixMilli(3000)).text(); got != "  ● no alert is on" {
		t.Errorf("when it is off: %q", got)
	}
	if want := []string{"CPU is high: 90.0 %, its mean is 50.0 %", "CPU is well again: 40.0 %, its mean is 50.0 %"}; !slices.Equal(told(s), want) {
		t.Errorf("told %q", told(s))
	}
}

func TestWhatHappensToProgramsIsTold(t *testing.T) {
	s := testDisplay()
	running := flow{status: waverider.StatusRunning}
	for _, now := range [][]flow{
		{running, {status: waverider.StatusRunning, restarts: 3}, running}, // before the display began
		{running, {status: waverider.StatusRestarting, restarts: 3}, running},
		{running, {status: waverider.StatusRunning, restarts: 4}, running},
		{running, {status: waverider.StatusRunning, restarts: 4}, {status: waverider.StatusErrored, err: "no more"}},
		{{status: waverider.StatusCompleted}, {status: waverider.StatusRunning, restarts: 4}, {status: waverider.StatusErrored, err: "no more"}},
	} {
		s.takeFlows(now)
	}
	s.hubCameBack(7)
	want := []string{"rolling-stats was killed and is started again", "alerts has ended: no more", "machine-figures has ended",
		"the Hub died and is back (pid 7); its programs ran on"}
	if !slices.Equal(told(s), want) {
		t.Errorf("told %q", told(s))
	}
}

func TestNextCommandsNameWhatRuns(t *testing.T) {
	s := testDisplay()
	s.takeFlows([]flow{{pid: 1001}, {pid: 1002}, {pid: 1003}})
	var all strings.Builder
	for _, r := range s.next(80) {
		all.WriteString(r.text() + "\n")
	}
	for _, want := range []string{"topic get machine.stats", "topic info machine.figures", "inst logs 55555555", "kill -9 1002"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &all)
		}
	}
}
