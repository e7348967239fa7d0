package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider/internal/testhub"
)

// kill kills an Instance's program with no time to say goodbye, and returns
// when it runs again.
func (e *example) kill(t *testing.T, id string) {
	t.Helper()
	before, err := e.hub.Instance(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := e.hub.RunnerPID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_, err = e.hub.Await(t.Context(), id, func(in testhub.Instance) bool {
		return in.Restarts > before.Restarts && in.Status == "running"
	})
	if err != nil {
		t.Fatal(err)
	}
}

// killHub does the same to the Hub, and starts the next one.
func (e *example) killHub(t *testing.T) {
	t.Helper()
	if err := e.hub.End(t.Context(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := e.hub.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// send may be called by any goroutine.
func (e *example) send(t *testing.T, topic string, records []any) {
	t.Helper()
	var body bytes.Buffer
	lines := json.NewEncoder(&body)
	for _, r := range records {
		if err := lines.Encode(r); err != nil {
			t.Error(err)
		}
	}
	if _, err := e.hub.PostTopic(t.Context(), topic, "", &body); err != nil {
		t.Error(err)
	}
}

// deploy starts the example once more and answers the Instance's id.
func (e *example) deploy(t *testing.T, flags string) string {
	t.Helper()
	return strings.TrimSpace(e.user.run(t, "waverider seq deploy . --update "+flags))
}

// lag is how many records of a Topic its only Instance has not acked.
func (e *example) lag(t *testing.T, topic string) int64 {
	t.Helper()
	info, err := e.hub.TopicInfo(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range info.Readers {
		return r.Lag
	}
	return 0
}

const killRounds = 3

// windowsOutliveKills: each reading is counted once, and each window is there
// once, though the program is killed while readings come, and then the Hub.
func windowsOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "waverider topic create readings\nwaverider topic create windows")
	id := e.deploy(t, `--input-topic readings --output-topic windows --config '{"seconds":10,"lateness":0}'`)
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const each, perBody, perWindow = 1005, 15, 10 // readings, a second apart
	for round := range killRounds {
		var sent sync.WaitGroup
		sent.Go(func() {
			for body := range each / perBody {
				var readings []any
				for i := range perBody {
					n := round*each + body*perBody + i
					readings = append(readings, map[string]any{"at": start.Add(time.Duration(n) * time.Second), "sensor": "s", "value": n})
				}
				e.send(t, "readings", readings)
			}
		})
		e.user.run(t, fmt.Sprintf("waverider topic get windows --from start -n %d", (round*each+each/4)/perWindow))
		e.kill(t, id)
		sent.Wait()
		e.killHub(t)
	}
	closed := (killRounds*each - 1) / perWindow
	var want strings.Builder
	for w := range closed {
		first := w * perWindow
		fmt.Fprintf(&want, `{"from":"%s","sensor":"s","count":10,"mean":%.1f,"min":%d,"max":%d}`+"\n",
			start.Add(time.Duration(first)*time.Second).Format("2006-01-02T15:04:05.000Z"), float64(first)+4.5, first, first+9)
	}
	got := e.user.run(t, fmt.Sprintf("waverider topic get windows --from start -n %d", closed))
	if got != want.String() {
		t.Errorf("after %d kills the windows are\n%s\nwant\n%s", killRounds, got, &want)
	}
}

// totalsOutliveKills: each order is in the database once, though the program
// and then the Hub are killed.
func totalsOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "waverider inst stop -\nwaverider topic create many-orders")
	file := filepath.Join(t.TempDir(), "totals.db")
	id := e.deploy(t, file+" --input-topic many-orders")
	const each = 150
	for round := range killRounds {
		var orders []any
		for n := range each {
			orders = append(orders, map[string]any{"product": []string{"tea", "coffee"}[n%2], "amount": n})
		}
		e.send(t, "many-orders", orders)
		e.user.run(t, fmt.Sprintf("python3 report.py %s %d", file, round*each+each/2))
		e.kill(t, id)
		e.killHub(t)
	}
	got := e.user.run(t, fmt.Sprintf("python3 report.py %s %d", file, killRounds*each))
	want := fmt.Sprintf("%-8s %6d %9d\n%-8s %6d %9d\n", "coffee", 225, 3*75*75, "tea", 225, 3*74*75)
	if got != want {
		t.Errorf("after %d kills the totals are\n%s\nwant\n%s", killRounds, got, want)
	}
}

// alertsOutliveKills: each alert is there once, and knows the one before.
func alertsOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "waverider inst stop -\nwaverider topic create heat\nwaverider topic create heat-alerts")
	id := e.deploy(t, `--config '{"above":200,"below":190}' --input-topic heat --output-topic heat-alerts`)
	var want strings.Builder
	alerts := 0
	for range killRounds {
		var readings []any
		for i := range 51 { // an odd number: a kill comes between an alert and its end
			for _, value := range []int{195, []int{201, 189}[(alerts+i)%2], 195} {
				readings = append(readings, map[string]any{"sensor": "s", "value": value})
			}
			fmt.Fprintf(&want, `{"sensor":"s","alert":"%s","value":%d}`+"\n",
				[]string{"raised", "cleared"}[(alerts+i)%2], []int{201, 189}[(alerts+i)%2])
		}
		e.send(t, "heat", readings)
		e.user.run(t, fmt.Sprintf("waverider topic get heat-alerts --from start -n %d", alerts+20))
		e.kill(t, id)
		alerts += 51
	}
	if got := e.user.run(t, fmt.Sprintf("waverider topic get heat-alerts --from start -n %d", alerts)); got != want.String() {
		t.Errorf("after %d kills the alerts are\n%s\nwant\n%s", killRounds, got, &want)
	}
}

// reportsOutliveKills: each reading is in one report, though the program that
// gives them and the one that sums them up are killed.
func reportsOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "for i in $(waverider inst list -o name); do waverider inst stop $i; done\nwaverider topic delete sensor-readings sensor-reports\nwaverider topic create sensor-reports")
	reporter := e.deploy(t, "")
	const readings, perReport = 200, 5
	sensor := strings.TrimSpace(e.user.run(t, fmt.Sprintf("waverider seq deploy ../sensor --update %d 0.005", readings)))
	for _, killed := range []string{sensor, reporter} {
		info, err := e.hub.TopicInfo(t.Context(), "sensor-reports")
		if err != nil {
			t.Fatal(err)
		}
		e.user.run(t, fmt.Sprintf("waverider topic get sensor-reports --from start -n %d", info.Total+5))
		e.kill(t, killed)
	}
	out := json.NewDecoder(strings.NewReader(
		e.user.run(t, fmt.Sprintf("waverider topic get sensor-reports --from start -n %d", readings/perReport))))
	for want := 1; want < readings; want += perReport {
		var report struct{ From, To int }
		if err := out.Decode(&report); err != nil || report.From != want || report.To != want+perReport-1 {
			t.Errorf("a report of readings %d to %d (%v), want from %d on", report.From, report.To, err, want)
		}
	}
}

// linesOutliveKills: no line is lost, and those that come twice are the same.
func linesOutliveKills(t *testing.T, e *example) {
	e.user.run(t, "waverider inst stop -\nwaverider topic create more-lines")
	file := filepath.Join(t.TempDir(), "more.log")
	writeFile(t, file, "")
	id := e.deploy(t, file+" 0.01 --output-topic more-lines")
	const rounds, each = 4, 50
	for round := range rounds {
		e.user.run(t, fmt.Sprintf("seq %d %d >> %s\nwaverider topic get more-lines --from start -n %d", round*each+1, (round+1)*each, file, round*each+1))
		if round > 0 {
			e.kill(t, id)
		}
	}
	next := 1
	var line struct {
		Line int
		Text string
	}
	eventuallyTrue(t, "all lines are there", func() bool {
		next = 1
		out := json.NewDecoder(strings.NewReader(e.user.run(t, "waverider topic get more-lines --from start --no-follow")))
		for out.Decode(&line) == nil {
			if line.Line > next || line.Text != strconv.Itoa(line.Line) {
				t.Fatalf("line %d (%q) comes where line %d should", line.Line, line.Text, next)
			}
			next = max(next, line.Line+1)
		}
		return next > rounds*each
	})
}

// workersGoWithTheirConductor: a stop removes them, and begins no others.
func workersGoWithTheirConductor(t *testing.T, e *example) {
	pkg, err := testhub.Pack("sleeper", "module.exports = (input) => new Promise(() => setInterval(() => {}, 1000));", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.hub.Upload(t.Context(), pkg); err != nil {
		t.Fatal(err)
	}
	workers := func() (n int) {
		list, err := e.hub.Instances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, in := range list {
			if in.Status == "running" {
				n++
			}
		}
		return n - 1
	}
	id := e.deploy(t, "sleeper 2")
	e.user.run(t, "waverider inst input - texts.ndjson")
	eventuallyTrue(t, "two workers run", func() bool { return workers() == 2 })
	e.user.run(t, "waverider inst stop -")
	if left := workers() + 1; left != 0 {
		t.Errorf("%d Instances are left", left)
	}
	if in, err := e.hub.Instance(t.Context(), id); err != nil || in.Terminated == nil || in.Terminated.ExitCode != 0 {
		t.Errorf("it ended as %+v, %v", in.Terminated, err)
	}
}
