package demo

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider"
	"waverider/client"
	"waverider/internal/testbin"
)

// screen keeps what is shown and tells when something has come.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	watch map[*regexp.Regexp]chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	for wanted, ch := range s.watch {
		if wanted.Match(s.text.Bytes()) {
			close(ch)
			delete(s.watch, wanted)
		}
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows is closed once what is wanted was written, at once when it was before.
func (s *screen) shows(wanted *regexp.Regexp) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{})
	if wanted.Match(s.text.Bytes()) {
		close(ch)
		return ch
	}
	if s.watch == nil {
		s.watch = map[*regexp.Regexp]chan struct{}{}
	}
	s.watch[wanted] = ch
	return ch
}

// begin runs the demo until its context or its script ends; then the answer has
// what came of it.
func begin(ctx context.Context, t *testing.T, out *screen, keys string) <-chan error {
	t.Helper()
	d := demo{out: out, binary: testbin.WithNode(t)}
	if err := d.script.Set(keys); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	return ended
}

// see waits for all that is wanted, regular expressions, to be shown.
func see(t *testing.T, out *screen, ended <-chan error, wanted ...string) {
	t.Helper()
	for _, text := range wanted {
		select {
		case <-out.shows(regexp.MustCompile(text)):
		case err := <-ended:
			t.Fatalf("it ended before it showed %q: %v\n%s", text, err, out)
		}
	}
}

func TestDemoShowsWhatFlowsAndLeavesNothing(t *testing.T) {
	out := &screen{}
	testbin.WithNode(t) // is built elsewhere
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended := begin(ctx, t, out, "")
	see(t, out, ended, `edge +http://127\.0\.0\.1:`, `Space +https://127\.0\.0\.1:`, `cloud +http://127\.0\.0\.1:`,
		` topic get machine\.stats`, "CPU", `2 of 2 Hubs \| cloud +([2-9]|\d\d+), .* 0 lost, 0 doubled, 0 reordered`)
	cancel() // as Ctrl-C does
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "are gone") {
		t.Errorf("it ended with:\n%s", out)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
	}
}

// While the Link is cut edge stores what it measures; healed, all of it arrives
// and is computed, once and in order, whatever is killed meanwhile.
func TestACutLosesNothing(t *testing.T) {
	out := &screen{}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ended := begin(ctx, t, out, "4s l 2s m e 2s l 2s l 1s s 1s l 2s r c 3s q")
	see(t, out, ended, "the Link of edge is cut", `link CUT \d+s .* [1-9]\d* wait \|`, "machine-figures was killed", "edge was killed and is back",
		"the Link of edge is healed", "the Space was killed and is back", "rolling-stats was killed", "cloud was killed and is back", "no more is measured")
	if err := <-ended; err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if outcome.FindStringSubmatch(out.String()) == nil {
		t.Errorf("it ended with:\n%s", out)
	}
}

var (
	placeLine = regexp.MustCompile(`(?m)^ +(edge|Space|cloud) +(https?://\S+) +pid (\d+)$`)
	outcome   = regexp.MustCompile(`Ended after .*: \d+ readings?, (\d+) alerts?, 0 lost, 0 doubled, 0 reordered`)
)

// placeOf finds what was said of a place.
func placeOf(t *testing.T, out *screen, name string) (url string, pid int) {
	t.Helper()
	for _, m := range placeLine.FindAllStringSubmatch(out.String(), -1) {
		if m[1] == name {
			pid, _ = strconv.Atoi(m[3])
			return m[2], pid
		}
	}
	t.Fatalf("nothing is said of %s:\n%s", name, out)
	return "", 0
}

// hubOf is a client of a place, and the ids of the Instances there by their names.
func hubOf(ctx context.Context, t *testing.T, out *screen, name string) (*client.Client, map[string]string) {
	t.Helper()
	url, _ := placeOf(t, out, name)
	c, err := client.New(client.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	list, err := c.Instances(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, in := range list {
		ids[in.Sequence.Name] = string(in.ID)
	}
	return c, ids
}

// Whatever is killed, every reading has one summary, and no alert is missing or
// told twice.
func TestKillsLoseAndDoubleNothing(t *testing.T) {
	out := &screen{}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	ended := begin(ctx, t, out, "")
	see(t, out, ended, `cloud +[1-9]\d*, lag \d`)
	atEdge, onEdge := hubOf(ctx, t, out, "edge")
	atCloud, onCloud := hubOf(ctx, t, out, "cloud")

	alarm(t, atCloud, "/memory/share")
	see(t, out, ended, "memory is high", "memory is well again")
	for _, name := range []string{"edge", "Space", "cloud"} {
		_, pid := placeOf(t, out, name)
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		see(t, out, ended, name+" was killed and is back")
	}
	for _, of := range []struct {
		at         *client.Client
		name, with string
	}{{atEdge, "machine-figures", onEdge["machine-figures"]}, {atCloud, "rolling-stats", onCloud["rolling-stats"]}, {atCloud, "alerts", onCloud["alerts"]}} {
		if err := syscall.Kill(pidOf(ctx, of.at, of.with), syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v", of.name, err)
		}
		see(t, out, ended, of.name+" was killed and is started again")
	}
	alarm(t, atCloud, "/disk/share")
	see(t, out, ended, "disk used is high", "disk used is well again")
	for topic, reader := range map[waverider.TopicName]string{figuresTopic: onCloud["rolling-stats"], statsTopic: onCloud["alerts"]} {
		awaitLag(ctx, t, atCloud, topic, reader, 3)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	got := outcome.FindStringSubmatch(out.String())
	if got == nil {
		t.Fatalf("something is lost or doubled:\n%s", out)
	}
	if n, _ := strconv.Atoi(got[1]); n < 4 {
		t.Errorf("%d alerts came of 2 that were raised and taken back", n)
	}
}

// awaitLag waits until a program has caught up: what came while it was away it
// acks with the next state that it saves.
func awaitLag(ctx context.Context, t *testing.T, c *client.Client, topic waverider.TopicName, reader string, most int) {
	t.Helper()
	for {
		info, err := c.Topic(ctx, string(topic))
		lag := lagOf(info, client.ReaderSlot, reader)
		if err == nil && lag >= 0 && lag <= most {
			return
		}
		if err != nil || lag < 0 {
			t.Fatalf("%s is read with a lag of %d: %v", topic, lag, err)
		}
		time.Sleep(retryFirst)
	}
}

// alarm sends a summary that makes alerts tell of a figure. The next real one
// takes the alert back.
func alarm(t *testing.T, c *client.Client, figure string) {
	t.Helper()
	record := fmt.Sprintf(`{"at":%d,"figures":{%q:{"ewma":0.99,"mean":0.5}}}`+"\n", time.Now().UnixMilli(), figure)
	_, err := c.SendTopic(t.Context(), string(statsTopic), strings.NewReader(record), client.TopicSendOptions{ContentType: waverider.TypeNDJSON})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWithoutNodeTheErrorSaysHowToGetIt(t *testing.T) {
	binary := testbin.Path(t)
	cmd := exec.Command(binary, "demo", "--for", "20s")
	cmd.Env = []string{"PATH=" + t.TempDir(), "TMPDIR=" + t.TempDir(), "HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("it worked:\n%s", out)
	}
	if !strings.Contains(string(out), "nodejs.org") || !strings.Contains(string(out), "Node 18 or newer") {
		t.Errorf("got:\n%s", out)
	}
}

func TestSequencesPassTheirTests(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	for _, name := range []string{"machine-figures", "rolling-stats", "alerts"} {
		cmd := exec.Command("node", "--test")
		cmd.Dir = filepath.Join("sequences", name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		} else if !strings.Contains(string(out), "pass") {
			t.Errorf("%s ran no tests:\n%s", name, out)
		}
	}
}
