package localhub_test

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider/client"
	"waverider/internal/testbin"
	"waverider/internal/testhub"
	"waverider/localhub"
)

func TestMain(m *testing.M) {
	if os.Getenv("TEST_OWN") != "" {
		own()
	}
	code := m.Run()
	testbin.Remove()
	http.DefaultClient.CloseIdleConnections()
	if err := goleak.Find(); code == 0 && err != nil {
		println(err.Error())
		code = 1
	}
	os.Exit(code)
}

func start(t *testing.T, cfg localhub.Config) *localhub.Hub {
	t.Helper()
	cfg.Binary = testbin.Path(t)
	h, err := localhub.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func answers(t *testing.T, h *localhub.Hub) {
	t.Helper()
	resp, err := http.Get(h.URL() + "/version")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("GET /version: %s", resp.Status)
	}
}

// processesIn lists those that were started for a folder.
func processesIn(t *testing.T, dir string) (pids []int) {
	t.Helper()
	all, err := testhub.Processes()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if line, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/cmdline"); err == nil && strings.Contains(string(line), dir) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

func TestCloseLeavesNothing(t *testing.T) {
	h := start(t, localhub.Config{})
	answers(t, h)
	if len(processesIn(t, h.Dir())) == 0 {
		t.Fatal("no process of the Hub is found, so this test would not find one that is left")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(h.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
	if left := processesIn(t, h.Dir()); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}

func TestKilledHubComesBackAtItsAddress(t *testing.T) {
	back := make(chan int, 1)
	h := start(t, localhub.Config{Restart: true, Restarted: func(pid int) { back <- pid }})
	before := h.PID()
	if err := syscall.Kill(before, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case pid := <-back:
		if pid == before || pid != h.PID() {
			t.Errorf("pid %d after %d, PID says %d", pid, before, h.PID())
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it did not come back")
	}
	answers(t, h)
}

func TestDeathIsToldWithLastWords(t *testing.T) {
	h := start(t, localhub.Config{})
	if h.Err() != nil {
		t.Error(h.Err())
	}
	if err := syscall.Kill(h.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-h.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was told")
	}
	if err := h.Err(); err == nil || !strings.Contains(err.Error(), "hub running") {
		t.Errorf("got %v", err)
	}
}

// own is what this test binary does as an owner that is killed.
func own() {
	h, err := localhub.Start(context.Background(), localhub.Config{Binary: os.Getenv("TEST_OWN")})
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
	_, _ = os.Stdout.WriteString(h.Dir() + "\n")
	select {}
}

func TestHubEndsWithItsOwner(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), "TEST_OWN="+testbin.Path(t), "TMPDIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	dir, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir = strings.TrimSpace(dir)
	for limit := time.Now().Add(20 * time.Second); len(processesIn(t, dir)) < 2; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) { // the keeper comes soon after the Hub's address
			t.Fatal("Hub and keeper are not found, so this test would not find what is left")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := processesIn(t, dir)
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("processes left: %v", left)
		}
	}
}

func TestFailureToStartIsExplained(t *testing.T) {
	_, err := localhub.Start(t.Context(), localhub.Config{Binary: testbin.Path(t), Args: []string{"--log-level", "loud"}})
	if err == nil || !strings.Contains(err.Error(), `log-level "loud"`) {
		t.Errorf("got %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := localhub.Start(ctx, localhub.Config{Binary: testbin.Path(t)}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSettingsOfOtherHubsAreLeftOut(t *testing.T) {
	t.Setenv("WAVERIDER_DATA_DIR", "/nonexistent")
	t.Setenv("WAVERIDER_TOKEN_FILE", "/nonexistent/token")
	answers(t, start(t, localhub.Config{}))
}

func TestASpaceComesBackAtItsAddressAndLeavesNothing(t *testing.T) {
	back := make(chan int, 1)
	s, err := localhub.StartSpace(t.Context(), localhub.Config{Binary: testbin.Path(t), Restart: true, Restarted: func(pid int) { back <- pid }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	c, err := client.New(client.Config{URL: s.URL(), TokenFile: s.TokenFile(), CA: s.CAFile(), Space: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	before, err := c.Spaces(t.Context())
	if err != nil || len(before) != 1 {
		t.Fatalf("%+v, %v", before, err)
	}
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case <-back:
	case <-time.After(20 * time.Second):
		t.Fatal("it did not come back")
	}
	if after, err := c.Spaces(t.Context()); err != nil || !slices.Equal(before, after) {
		t.Errorf("%+v after %+v, %v", after, before, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.Dir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its folder: %v", err)
	}
	if left := processesIn(t, s.Dir()); len(left) > 0 {
		t.Errorf("processes left: %v", left)
	}
}
