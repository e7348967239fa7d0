//go:build linux

package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider/internal/testhub"
)

// wrongClock is by how many seconds the clock of a binary of buildWithClock is
// wrong, in its environment.
const wrongClock = "WRONG_CLOCK_SECONDS"

// buildWithClock makes the program with a package time whose Now is wrong.
func buildWithClock(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no sources of package time: %v", err)
	}
	const read = "sec, nsec, mono := runtimeNow()\n"
	from, to, ok := strings.Cut(string(text), "\nfunc Now() Time {\n")
	if !ok || !strings.Contains(to, read) {
		t.Skip("this version of Go has another func Now")
	}
	to = strings.Replace(to, read, read+"\tsec += wrongBy\n", 1)
	changed := from + "\nfunc Now() Time {\n" + to + `
var wrongBy = func() int64 {
	text, _ := syscall.Getenv("` + wrongClock + `")
	n, _ := atoi(text)
	return int64(n)
}()
`
	changed = strings.Replace(changed, "import (\n", "import (\n\t\"syscall\"\n", 1)
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: filepath.Join(dir, "time.go")}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"time.go": changed, "overlay.json": string(overlay)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made := filepath.Join(dir, "waverider")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", made, "waverider/cmd/waverider").CombinedOutput()
	if err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return made
}

// A machine without a battery, or with a bad one, does all its work at the wrong
// time, and finds its Space with that.
func TestAHubWithAWrongClock(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the standard library")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	a := newApart(t)
	a.hub.SetBinary(buildWithClock(t))
	ctx := t.Context()
	id := a.run()
	a.running(id)
	a.must(a.hub.CreateTopic(ctx, testhub.Topic{ID: "sensor", ContentType: testhub.NDJSON}))
	read := 0
	group := func(n int) {
		t.Helper()
		text, err := a.hub.Do(ctx, http.MethodGet, fmt.Sprintf("/topic/sensor?group=g&limit=%d", n), "", nil)
		a.must(err)
		for line := range strings.Lines(string(text)) {
			var rec struct{ N int }
			if err := json.Unmarshal([]byte(line), &rec); err != nil || rec.N > read {
				t.Fatalf("the group reads %s (%v), and should go on at %d or before", line, err, read)
			}
			read = rec.N + 1
		}
	}
	a.send(100)
	group(50)
	now := time.Now().Unix()
	for _, wrong := range []int64{-now + 30, 20 * 365 * 24 * 3600, -now + 30, 0} {
		a.way.Cut()
		for _, pid := range a.hub.Family() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		_ = a.hub.Wait(ctx)
		a.hub.SetEnv(fmt.Sprintf("%s=%d", wrongClock, wrong))
		a.must(a.hub.Start(ctx))
		pid := a.running(id)
		if year := fmt.Sprint("time=", time.Unix(now+wrong, 0).Year()); !strings.Contains(a.hub.LogTail(5), year) {
			t.Errorf("the clock is not wrong by %d s: the Hub said\n%s", wrong, a.hub.LogTail(5))
		}
		a.send(100)
		group(100)
		name := fmt.Sprintf("t%d", len(a.hub.Log()))
		a.must(a.hub.CreateTopic(ctx, testhub.Topic{ID: name, ContentType: testhub.NDJSON}))
		a.patch(a.hub.API, "/topics/"+name, map[string]any{"description": "made at the wrong time"})
		a.must(a.way.Heal())
		a.must(a.hub.AwaitLink(ctx, true))
		a.eventually("all records are there", a.arrived)
		a.eventually("the Space has answered", func() (bool, error) {
			var at apartTopic
			err := a.space.JSON(ctx, http.MethodGet, "/topics/"+name, nil, &at)
			return at.Description != "", err
		})
		a.must(a.space.Hub("edge").JSON(ctx, http.MethodGet, "/instances", nil, nil))
		if got := a.running(id); got != pid {
			t.Errorf("the Instance was %d, and is %d", pid, got)
		}
	}
	a.send(50)
	group(a.sent - read)
}
