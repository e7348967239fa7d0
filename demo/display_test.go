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

// standIn is a server that is none.
type standIn struct {
	url string
	pid int
}

func (s *standIn) URL() string         { return s.url }
func (s *standIn) PID() int            { return s.pid }
func (*standIn) Done() <-chan struct{} { return nil }
func (*standIn) Err() error            { return nil }
func (*standIn) Close() error          { return nil }

func testDisplay() *display {
	list := programs()
	for i, id := range []string{"11111111-2222", "33333333-4444", "55555555-6666"} {
		list[i].id = id
	}
	m := &mesh{dir: "/tmp/waverider-1234567890", way: &relay{since: time.Now()}}
	for i, url := range []string{"http://127.0.0.1:40001/api/v1", "https://127.0.0.1:40002/api/v1", "http://127.0.0.1:40003/api/v1"} {
		m.places[i] = &place{server: &standIn{url, 4194301 + i}, name: placeNames[i]}
	}
	return newDisplay(&bytes.Buffer{}, tty.Terminal{}, m, list)
}

// told is what a display without a terminal has said, without the times.
func told(s *display) (out []string) {
	for line := range strings.Lines(s.out.(*bytes.Buffer).String()) {
		out = append(out, strings.TrimSpace(line[len(time.TimeOnly):]))
	}
	return out
}

// readings makes a display in which so many readings have gone through all.
func readings(t *testing.T, n int) *display {
	t.Helper()
	s := testDisplay()
	for i := 1; i <= n; i++ {
		s.takeStored(reading{1, i})
		s.takeArrived(reading{1, i})
		s.takeSummary(summaryOf(t, fmt.Sprintf(`{"at":1,"of":{"/run":1,"/n":%d},"figures":{"/cpu/busy":{"count":3,"last":0.5,"mean":0.4,"p95":0.9,"max":1}}}`, i)))
	}
	running := flow{status: waverider.StatusRunning, pid: 4194303, rate: 5, lag: 12}
	up := hubLink{State: linkUp, Since: s.began}
	s.takeReport(edge, report{here: true, link: up, flows: map[int]flow{0: running}})
	s.takeReport(space, report{here: true, hubs: 2, known: 2, results: n})
	s.takeReport(cloud, report{here: true, link: up, flows: map[int]flow{1: running, 2: running}})
	return s
}

func TestPictureFitsTheTerminal(t *testing.T) {
	s := readings(t, 2*samples)
	s.keys = true
	s.takeAlert(alert{N: 1, Figure: "/cpu/busy", Raised: true, Value: 1, Mean: 0.2})
	for _, cut := range []bool{false, true} {
		s.mesh.way.set(cut)
		for _, width := range []int{20, 57, 60, 80, 110, 120, 200} {
			for _, r := range s.picture(time.Now(), width) {
				if got := utf8.RuneCountInString(r.paint(tty.Terminal{}, width)); got > width {
					t.Errorf("width %d: %d columns in %q", width, got, r.text())
				}
				if got := utf8.RuneCountInString(r.text()); width >= 80 && got > width && r.rank != rankNext {
					t.Errorf("width %d: a row has %d columns: %q", width, got, r.text())
				}
			}
		}
	}
	for width, want := range map[int]string{20: "now", 60: "now mean p95", 80: "now mean p95 max last 30 s"} {
		if got := strings.Join(strings.Fields(s.figureTable(width)[0].text()), " "); got != want {
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

// In the usual terminal all that the demo is about is to be seen.
func TestPictureOf80By24HasWhatCounts(t *testing.T) {
	s := readings(t, samples)
	s.stored.records, s.arrived.records, s.computed.records = 123456, 123456, 123456
	s.keys = true
	s.say(tty.Dim, "first")
	s.say(tty.Dim, "second")
	s.say(tty.Dim, "third")
	s.mesh.way.set(true)
	s.takeReport(edge, report{here: true, link: hubLink{State: "connecting", Since: time.Now()}, toGo: 61,
		flows: map[int]flow{0: {status: waverider.StatusRunning, pid: 4194303, rate: 5}}})
	picture := fit(s.picture(time.Now(), 80), 23)
	if len(picture) > 23 {
		t.Errorf("%d rows", len(picture))
	}
	var text strings.Builder
	for _, r := range picture {
		text.WriteString(r.text() + "\n")
	}
	for _, want := range []string{
		"│ measures    5.0 /s │     │ Hubs here   2 of 2 │     │ computes    5.0 /s │",
		"│ stored      123456 │ ━╳  │ arrived     123456 │ ━━▶ │ computed    123456 │",
		"│ waiting         61 │     │ waiting          0 │     │ lag             12 │",
		"│ program    4194303 │     │ results        150 │     │ program    4194303 │",
		"Links    edge CUT 0s (edge says: down 0s)    cloud up 0s",
		"lost 0   doubled 0   reordered 0",
		"l heals the Link", "q ends", "kill -9 e edge, s Space, c cloud, m machine-figures, r rolling-stats, a alerts",
		"CPU", "edge has lost the Space", "third",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &text)
		}
	}
}

func TestPlacesHaveALineEachWhereThereIsNoRoom(t *testing.T) {
	s := readings(t, 3)
	var got []string
	for _, r := range s.placeRows(time.Now(), 60) {
		got = append(got, strings.Join(strings.Fields(r.text()), " "))
	}
	want := []string{"edge measures 5.0 /s stored 3 waiting 0 program 4194303", "Space Hubs here 2 of 2 arrived 3 waiting 0 results 3",
		"cloud computes 5.0 /s computed 3 lag 12 program 4194303"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestVerdictIsOverAllPlaces(t *testing.T) {
	s := readings(t, 3)
	if got := s.outcome(); got != "3 readings, 0 alerts, 0 lost, 0 doubled, 0 reordered" || s.failure() != nil {
		t.Errorf("%s, %v", got, s.failure())
	}
	s.ending, s.awaited = true, 4
	if err := s.failure(); s.complete() || waverider.KindOf(err) != waverider.Timeout {
		t.Errorf("while one is missing: %v, %v", s.complete(), err)
	}
	s.takeStored(reading{1, 4})
	if s.complete() || s.missing() != 1 {
		t.Errorf("complete %v, %d missing", s.complete(), s.missing())
	}
	s.takeArrived(reading{1, 4})
	s.takeSummary(summaryOf(t, `{"of":{"/run":1,"/n":4}}`))
	if err := s.failure(); !s.complete() || err != nil {
		t.Errorf("when all is there: %v, %v", s.complete(), err)
	}
	s.takeArrived(reading{1, 4})
	s.takeSummary(summaryOf(t, `{"of":{"/run":1,"/n":6}}`))
	s.takeSummary(summaryOf(t, `{"of":{"/run":1,"/n":5}}`))
	s.takeSummary(summaryOf(t, `{"of":{"/run":1,"/n":8}}`))
	if got := s.verdict(); got != "1 lost, 1 doubled, 1 reordered" || s.failure() == nil {
		t.Errorf("%s, %v", got, s.failure())
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
	up := hubLink{State: linkUp}
	running := flow{status: waverider.StatusRunning}
	s.lookForPlaces()
	for _, now := range []map[int]flow{
		{1: {status: waverider.StatusRunning, restarts: 3}, 2: running}, // before the display began
		{1: {status: waverider.StatusRestarting, restarts: 3}, 2: running},
		{1: {status: waverider.StatusRunning, restarts: 4}, 2: running},
		{1: {status: waverider.StatusRunning, restarts: 4}, 2: {status: waverider.StatusErrored, err: "no more"}},
		{1: {status: waverider.StatusCompleted, restarts: 4}, 2: {status: waverider.StatusErrored, err: "no more"}},
	} {
		s.takeReport(cloud, report{here: true, link: up, flows: now})
		s.takeReport(cloud, report{flows: now}) // it is away for a moment
	}
	s.mesh.places[cloud].server.(*standIn).pid = 0
	s.lookForPlaces()
	s.mesh.places[cloud].server.(*standIn).pid = 7
	s.mesh.places[space].server.(*standIn).pid = 8
	s.lookForPlaces()
	want := []string{"rolling-stats was killed and is started again", "alerts has ended: no more", "rolling-stats has ended",
		"the Space was killed and is back (pid 8)", "cloud was killed and is back (pid 7); its programs ran on"}
	if !slices.Equal(told(s), want) {
		t.Errorf("told %q", told(s))
	}
}

func TestWhatHappensToTheLinkIsTold(t *testing.T) {
	s := testDisplay()
	for _, now := range []struct {
		state string
		toGo  int
	}{{linkUp, 0}, {"connecting", 4}, {"connecting", 61}, {linkUp, 61}, {linkUp, 1}, {linkUp, 0}} {
		s.takeReport(edge, report{here: true, link: hubLink{State: now.state}, toGo: now.toGo})
	}
	want := []string{"edge has lost the Space", "edge has the Space again, after 0s", "61 records that waited on edge went to the Space"}
	if !slices.Equal(told(s), want) {
		t.Errorf("told %q", told(s))
	}
}

func TestNextCommandsNameWhatRuns(t *testing.T) {
	s := testDisplay()
	var all strings.Builder
	for _, r := range s.next(80) {
		all.WriteString(r.text() + "\n")
	}
	for _, want := range []string{". /tmp/waverider-1234567890/env", "space hubs", "topic get machine.stats --hub cloud", "topic info machine.figures --hub edge"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &all)
		}
	}
}
