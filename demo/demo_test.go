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

// begin runs the demo until its context ends; then the answer has what came of it.
func begin(ctx context.Context, binary string, out *screen) <-chan error {
	d := demo{out: out, errs: out, binary: binary}
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
	out, binary := &screen{}, testbin.WithNode(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ended := begin(ctx, binary, out)
	see(t, out, ended, `export WAVERIDER_URL=http://127\.0\.0\.1:`, ` topic get machine\.stats`, "CPU", "disk write", `\D([2-9]|\d\d+) readings, 0 alerts, 0 lost, 0 doubled`)
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

var (
	hubURL  = regexp.MustCompile(`WAVERIDER_URL=(\S+)`)
	hubPID  = regexp.MustCompile(`kill -9 (\d+)`)
	outcome = regexp.MustCompile(`Ended after .*: \d+ readings?, (\d+) alerts?, 0 lost, 0 doubled`)
)

// Whatever is killed, every reading has one summary, and no alert is missing or
// told twice.
func TestKillsLoseAndDoubleNothing(t *testing.T) {
	out, binary := &screen{}, testbin.WithNode(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	ended := begin(ctx, binary, out)
	see(t, out, ended, " readings, ")
	c, err := client.New(client.Config{URL: hubURL.FindStringSubmatch(out.String())[1]})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := c.Instances(ctx)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, in := range list {
		ids[in.Sequence.Name] = string(in.ID)
	}

	alarm(t, c, "/memory/share")
	see(t, out, ended, "memory is high", "memory is well again")
	pid, _ := strconv.Atoi(hubPID.FindStringSubmatch(out.String())[1])
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	see(t, out, ended, "the Hub died and is back")
	for _, name := range []string{"machine-figures", "rolling-stats", "alerts"} {
		if err := syscall.Kill(pidOf(ctx, c, ids[name]), syscall.SIGKILL); err != nil {
			t.Fatalf("kill %s: %v", name, err)
		}
		see(t, out, ended, name+" was killed and is started again")
	}
	alarm(t, c, "/disk/share")
	see(t, out, ended, "disk used is high", "disk used is well again")
	for _, p := range []program{{reads: figuresTopic, id: ids["rolling-stats"]}, {reads: statsTopic, id: ids["alerts"]}} {
		if info, err := c.Topic(ctx, string(p.reads)); err != nil || lagOf(info, p.id) < 0 || lagOf(info, p.id) > 3 {
			t.Errorf("%s is read with a lag of %d: %v", p.reads, lagOf(info, p.id), err)
		}
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
