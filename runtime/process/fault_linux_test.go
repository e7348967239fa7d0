package process_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"waverider/logfile"
	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process"
)

// helperHub is a Hub process that is there to be killed. It starts, or attaches
// to, what prints without end and a tree, says so, and waits for its death.
func helperHub(dir string) {
	if err := runHelperHub(dir); err != nil {
		fmt.Fprintln(os.Stderr, "helper hub:", err)
		os.Exit(1)
	}
}

func runHelperHub(dir string) error {
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
		return err
	}
	channel, err := runner.Listen(filepath.Join(dir, "run", "channel.sock"))
	if err != nil {
		return err
	}
	go channel.Run(context.Background())
	r, err := process.Open(process.Config{
		Dir: dir, Channel: channel, Languages: suiteLanguage, Pool: process.PoolConfig{Size: 1},
	})
	if err != nil {
		return err
	}
	for _, main := range []string{"lines", "tree"} {
		if err := startOrAttach(r, dir, main); err != nil {
			return err
		}
	}
	fmt.Println("up")
	select {}
}

func helperSpec(dir, main string) runtime.Spec {
	slot := filepath.Join(dir, "slots", main)
	return runtime.Spec{
		ID: main, Language: "suite", Dir: slot, Logs: logsOf(dir, main), LogLimit: 4 << 30,
		Start: runner.Start{Main: main, Slot: slot, Args: json.RawMessage(`["0", "0"]`)},
	}
}

func logsOf(dir, slot string) string { return filepath.Join(dir, "kept", slot) }

func startOrAttach(r *process.Runtime, dir, main string) error {
	ctx, journal := context.Background(), filepath.Join(dir, main+".handle")
	h, err := os.ReadFile(journal)
	if errors.Is(err, os.ErrNotExist) {
		p, err := r.Start(ctx, helperSpec(dir, main))
		if err != nil {
			return err
		}
		return os.WriteFile(journal, p.Handle(), 0o600)
	}
	if err != nil {
		return err
	}
	_, err = r.Attach(ctx, h, helperSpec(dir, main))
	return err
}

// startHub starts a helper Hub and returns when it is up.
func startHub(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "PROCESS_TEST_HUB="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("helper hub said %q", line)
	}
	return cmd
}

func diskUse(t *testing.T, dir, name string) (n int64) {
	t.Helper()
	segments, _ := filepath.Glob(filepath.Join(dir, name+".*"))
	for _, s := range segments {
		if info, err := os.Stat(s); err == nil {
			n += info.Size()
		}
	}
	return n
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// The Hub is killed again and again under a program that prints as fast as it
// can: the program does not notice, and each line is stored once.
func TestKilledHubLosesNoLine(t *testing.T) {
	p := newPlace(t, nil)
	dir := p.cfg.Dir
	logs := logsOf(dir, "lines")
	for range 10 {
		hub := startHub(t, dir)
		from := diskUse(t, logs, "stdout")
		eventually(t, "another 4 MB of lines", func() bool { return diskUse(t, logs, "stdout") > from+4<<20 })
		hub.Process.Kill()
		hub.Wait()
	}
	r := p.open()
	h, err := os.ReadFile(filepath.Join(dir, "lines.handle"))
	if err != nil {
		t.Fatal(err)
	}
	proc, err := r.Attach(t.Context(), h, helperSpec(dir, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(proc.Stdin(), "stop")
	if exit, err := proc.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Fatalf("exit %+v, %v", exit, err)
	}
	if err := proc.Release(); err != nil {
		t.Error(err)
	}
	want, err := strconv.Atoi(strings.TrimSpace(text(t, proc.Log("log"))))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for lines := bufio.NewScanner(follow{t.Context(), proc.Log("stdout").NewReader(0, false)}); lines.Scan(); n++ {
		if got := fmt.Sprintf("line %09d of the program's standard output, long enough to be one", n); lines.Text() != got {
			t.Fatalf("line %d is %q", n, lines.Text())
		}
	}
	if n != want {
		t.Errorf("%d lines stored, %d written", n, want)
	}
	t.Logf("%d lines over 10 kills", n)
}

type follow struct {
	ctx context.Context
	*logfile.Reader
}

func (f follow) Read(p []byte) (int, error) { return f.Reader.Read(f.ctx, p) }

// text is what a finished log has.
func text(t *testing.T, l *logfile.Log) string {
	t.Helper()
	r := l.NewReader(0, false)
	defer r.Close()
	var all []byte
	for p := make([]byte, 4096); ; {
		n, err := r.TryRead(p)
		all = append(all, p[:n]...)
		if n == 0 {
			if err == nil {
				t.Error("the log is not finished")
			}
			return string(all)
		}
	}
}

// Whom no later Hub claims ends with its tree: the Hub died before it could
// write down that there is such a process.
func TestSweepEndsWhatNobodyClaims(t *testing.T) {
	p := newPlace(t, nil)
	hub := startHub(t, p.cfg.Dir)
	hub.Process.Kill()
	hub.Wait()
	r := p.open()
	h, err := os.ReadFile(filepath.Join(p.cfg.Dir, "lines.handle"))
	if err != nil {
		t.Fatal(err)
	}
	proc, err := r.Attach(t.Context(), h, helperSpec(p.cfg.Dir, "lines"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	u, err := proc.Usage()
	if err != nil {
		t.Errorf("a claimed process was swept: %v", err)
	}
	eventually(t, "end of the other", func() bool { return len(programs(p.cfg.Dir)) == 1 })
	if got := programs(p.cfg.Dir); got[0] != u.PID {
		t.Errorf("%v are left, want %d", got, u.PID)
	}
	if h, err = os.ReadFile(filepath.Join(p.cfg.Dir, "tree.handle")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Attach(t.Context(), h, helperSpec(p.cfg.Dir, "tree")); !errors.Is(err, runtime.ErrLost) {
		t.Errorf("attach to a swept process: %v", err)
	}
}

// A process that could not be attached to is nobody's: a Hub that has given it
// up must not leave it running.
func TestSweepEndsWhatCouldNotBeAttached(t *testing.T) {
	p := newPlace(t, nil)
	hub := startHub(t, p.cfg.Dir)
	hub.Process.Kill()
	hub.Wait()
	r := p.open()
	file := filepath.Join(p.cfg.Dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, main := range []string{"lines", "tree"} {
		h, err := os.ReadFile(filepath.Join(p.cfg.Dir, main+".handle"))
		if err != nil {
			t.Fatal(err)
		}
		spec := helperSpec(p.cfg.Dir, main)
		spec.Logs = file
		if _, err := r.Attach(t.Context(), h, spec); err == nil || errors.Is(err, runtime.ErrLost) {
			t.Fatalf("attach with a file for a folder: %v", err)
		}
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "end of both", func() bool { return len(programs(p.cfg.Dir)) == 0 })
}

// programs lists processes, other than zombies, that call the channel of dir.
func programs(dir string) []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range all {
		env, _ := os.ReadFile(path)
		if strings.Contains(string(env), "WAVERIDER_CHANNEL="+dir+"/") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

// Hub and keeper are killed at once: the next Hub finds nothing alive, and
// says of each process that it is lost.
func TestNothingOutlivesHubAndKeeper(t *testing.T) {
	p := newPlace(t, nil)
	hub := startHub(t, p.cfg.Dir)
	logs := logsOf(p.cfg.Dir, "tree")
	eventually(t, "the grandchild's number", func() bool { return diskUse(t, logs, "stdout") > 1 })
	hub.Process.Kill()
	syscall.Kill(p.keeperPID(), syscall.SIGKILL)
	hub.Wait()
	r := p.open()
	for _, main := range []string{"lines", "tree"} {
		h, err := os.ReadFile(filepath.Join(p.cfg.Dir, main+".handle"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Attach(t.Context(), h, helperSpec(p.cfg.Dir, main)); !errors.Is(err, runtime.ErrLost) {
			t.Errorf("attach to %s: %v", main, err)
		}
	}
	l, err := logfile.Open(logs, "stdout", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.Finish()
	grandchild, err := strconv.Atoi(strings.TrimSpace(text(t, l)))
	if err != nil {
		t.Fatal(err)
	}
	if left := programs(p.cfg.Dir); len(left) != 0 || alive(grandchild) {
		t.Errorf("left over: %v, grandchild %v", left, alive(grandchild))
	}
}

func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}
