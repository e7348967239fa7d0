package demo

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"waverider/internal/testbin"
)

// screen keeps what is shown and tells when a word has come.
type screen struct {
	mu    sync.Mutex
	text  bytes.Buffer
	watch map[string]chan struct{}
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Write(p)
	for word, ch := range s.watch {
		if strings.Contains(s.text.String(), word) {
			close(ch)
			delete(s.watch, word)
		}
	}
	return len(p), nil
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// shows is closed once word was written.
func (s *screen) shows(word string) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch := make(chan struct{})
	if s.watch == nil {
		s.watch = map[string]chan struct{}{}
	}
	s.watch[word] = ch
	return ch
}

func TestDemoShowsFiguresAndLeavesNothing(t *testing.T) {
	out := &screen{}
	d := demo{out: out, errs: out, binary: testbin.WithNode(t)}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	figures := out.shows("CPU of 30 s: mean")
	ended := make(chan error, 1)
	go func() { ended <- d.run(ctx) }()
	select {
	case <-figures:
		cancel() // as Ctrl-C does
	case err := <-ended:
		t.Fatalf("ended early: %v\n%s", err, out)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"export WAVERIDER_URL=http://127.0.0.1:", "inst output ", "disk used", "are gone"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the folder for temporary files: %v, %v", left, err)
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
	for _, name := range []string{"machine-figures", "rolling-stats"} {
		cmd := exec.Command("node", "--test")
		cmd.Dir = filepath.Join("sequences", name)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		} else if !strings.Contains(string(out), "pass") {
			t.Errorf("%s ran no tests:\n%s", name, out)
		}
	}
}
