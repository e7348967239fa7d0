package demo

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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
	return newDisplay(&bytes.Buffer{}, tty.Terminal{}, &localhub.Hub{}, instances{"11111111-2222", "33333333-4444"})
}

func TestPictureFitsTheTerminal(t *testing.T) {
	s := testDisplay()
	for range 2 * samples {
		s.take(summaryOf(t, `{"at":1,"figures":{"/cpu/busy":{"count":3,"last":0.5,"mean":0.4,"p95":0.9,"max":1}}}`))
	}
	for _, width := range []int{20, 60, 80, 200} {
		for _, l := range s.picture(time.Now(), width) {
			if got := utf8.RuneCountInString(l.paint(tty.Terminal{}, width)); got > width {
				t.Errorf("width %d: %d columns in %q", width, got, l.text())
			}
		}
	}
	for width, want := range map[int]string{20: "now", 60: "now mean p95", 80: "now mean p95 max last 30 s"} {
		if got := strings.Join(strings.Fields(s.table(width)[0].text()), " "); got != want {
			t.Errorf("width %d has the columns %q, want %q", width, got, want)
		}
	}
	table := s.table(80)
	if got := table[1].text(); !strings.Contains(got, "50.0 %") || !strings.Contains(got, "▅") {
		t.Errorf("CPU: %q", got)
	}
	if got := table[6].text(); !strings.Contains(got, "–") {
		t.Errorf("a figure this system does not tell: %q", got)
	}
	starts := map[int]bool{}
	for _, row := range table[1:] {
		starts[utf8.RuneCountInString(row[0].words)] = true
	}
	if len(starts) != 1 {
		t.Errorf("rows are not aligned: %v", starts)
	}
}

func TestEmptyLinesGoFirst(t *testing.T) {
	full, none := line{{"", "x"}}, line{}
	picture := func() []line { return []line{none, full, none, full, none, full} }
	for height, want := range map[int]string{9: " x x x", 6: " x x x", 5: " x xx", 4: " xxx", 3: "xxx", 2: "xx", 0: "x"} {
		var got string
		for _, l := range fit(picture(), height) {
			if got += l.text(); len(l) == 0 {
				got += " "
			}
		}
		if got != want {
			t.Errorf("height %d: %q, want %q", height, got, want)
		}
	}
}

func TestAlertsAreToldOnceAndWithdrawn(t *testing.T) {
	s := testDisplay()
	on := `{"at":1,"figures":{},"alerts":[{"figure":"/cpu/busy","since":1}]}`
	off := `{"at":2,"figures":{},"alerts":[]}`
	for _, text := range []string{on, on, off, off, on} {
		s.take(summaryOf(t, text))
	}
	var told []string
	for line := range strings.Lines(s.out.(*bytes.Buffer).String()) {
		told = append(told, strings.TrimSpace(line[len(time.TimeOnly):]))
	}
	if want := []string{"alert: CPU is high", "CPU is well again", "alert: CPU is high"}; !slices.Equal(told, want) {
		t.Errorf("told %q", told)
	}
}

func TestNextCommandsNameWhatRuns(t *testing.T) {
	s := testDisplay()
	var all strings.Builder
	for _, l := range s.next(80) {
		all.WriteString(l.text() + "\n")
	}
	for _, want := range []string{"inst output 33333333", "inst health 11111111"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &all)
		}
	}
}
