package keeper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"waverider"
	"waverider/runtime/process/keeper"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case keeper.Command:
			os.Exit(keeper.Main(os.Args[2:]))
		case keeper.InitCommand:
			os.Exit(keeper.InitMain(os.Args[2:]))
		case keeper.WardenCommand:
			os.Exit(keeper.WardenMain(os.Args[2:]))
		}
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the keepers started here
	goleak.VerifyTestMain(m)
}

var allKinds = []keeper.Kind{keeper.Cgroup2, keeper.Cgroup1, keeper.PIDNamespace, keeper.Sweep}

// connect attaches to the keeper of dir, and ends it with the test.
func connect(t *testing.T, dir string, kinds ...keeper.Kind) *keeper.Client {
	t.Helper()
	c, err := keeper.Connect(context.Background(), keeper.Config{Dir: dir, Trees: kinds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Shutdown(context.Background())
		c.Close()
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "run", "keeper.log"))
			t.Logf("keeper.log:\n%s", text)
		}
	})
	return c
}

var lastID atomic.Int64

func shell(script string) keeper.Spec {
	return keeper.Spec{
		ID: fmt.Sprintf("c%d", lastID.Add(1)), Label: "test", Assigned: true,
		Argv: []string{"/bin/sh", "-c", script},
		Env:  []string{"PATH=" + os.Getenv("PATH"), "SECRET=hunter2"},
		Dir:  "/",
	}
}

func spawn(t *testing.T, c *keeper.Client, spec keeper.Spec) (keeper.Child, keeper.Files) {
	t.Helper()
	child, _, files, err := c.Spawn(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(files.Close)
	return child, files
}

func wait(t *testing.T, c *keeper.Client, id string) keeper.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	exit, err := c.Wait(ctx, id)
	if err != nil {
		t.Fatalf("wait for %s: %v", id, err)
	}
	return exit
}

func all(t *testing.T, f *os.File) string {
	t.Helper()
	f.SetReadDeadline(time.Now().Add(10 * time.Second))
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatalf("read %s: %v", f.Name(), err)
	}
	return string(text)
}

// line reads up to a newline, nothing more.
func line(t *testing.T, f *os.File) string {
	t.Helper()
	f.SetReadDeadline(time.Now().Add(10 * time.Second))
	var text []byte
	for b := make([]byte, 1); ; {
		if _, err := f.Read(b); err != nil {
			t.Fatalf("read %s after %q: %v", f.Name(), text, err)
		}
		if b[0] == '\n' {
			return string(text)
		}
		text = append(text, b[0])
	}
}

func alive(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && !strings.Contains(string(text), ") Z ")
}

// eventually polls for what no signal announces.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
	}
}

func TestChildSpeaksThroughItsPipes(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			c := connect(t, t.TempDir(), kind)
			child, f := spawn(t, c, shell(`read x; echo "out $x"; echo err >&2; echo log >&3; pwd; umask; ls /proc/self/fd | tr '\n' ' '; exit 7`))
			if report := all(t, f.Report); !strings.Contains(report, "no-new-privileges") {
				t.Errorf("report is %q", report)
			}
			if child.Tree.Kind != kind {
				t.Errorf("tree is %q", child.Tree.Kind)
			}
			fmt.Fprintln(f.Stdin, "hello")
			if out := all(t, f.Stdout); out != "out hello\n/\n0077\n0 1 2 3 4 " {
				t.Errorf("stdout %q", out)
			}
			if got := all(t, f.Stderr) + all(t, f.Log); got != "err\nlog\n" {
				t.Errorf("stderr and log %q", got)
			}
			if exit := wait(t, c, child.ID); exit.Code != 7 || exit.Signal != "" || time.Since(exit.At) > time.Minute {
				t.Errorf("exit %+v", exit)
			}
			if err := c.Forget(t.Context(), child.ID); err != nil {
				t.Error(err)
			}
			if _, _, err := c.Open(t.Context(), child.ID); !errors.Is(err, keeper.ErrUnknown) {
				t.Errorf("files of a forgotten child: %v", err)
			}
		})
	}
}

// A tree with a setsid grandchild that has closed everything it could be
// noticed by.
const tree = `setsid sh -c 'echo $$ >&3; exec sleep 1000 0</dev/null 1>/dev/null 2>&1 3>/dev/null' & read x; `

// spawnTree starts such a tree, which goes on with script, and finds the grandchild.
func spawnTree(t *testing.T, c *keeper.Client, kind keeper.Kind, script string) (child keeper.Child, f keeper.Files, grandchild int) {
	t.Helper()
	child, f = spawn(t, c, shell(tree+script))
	grandchild, err := strconv.Atoi(line(t, f.Log))
	if err != nil {
		t.Fatal(err)
	}
	if kind == keeper.PIDNamespace {
		grandchild = outerPID(t, child.PID, grandchild)
	}
	if !alive(grandchild) {
		t.Fatal("the grandchild does not run")
	}
	return child, f, grandchild
}

func TestWholeTreeEndsWithTheChild(t *testing.T) {
	for _, kind := range allKinds {
		for how, script := range map[string]string{"kill": "sleep 1000", "exit": "exit 3", "signal": "kill -TERM $$; sleep 9"} {
			t.Run(string(kind)+"/"+how, func(t *testing.T) {
				c := connect(t, t.TempDir(), kind)
				child, f, pid := spawnTree(t, c, kind, script)
				want := keeper.Exit{Code: 3}
				if how == "kill" {
					want = keeper.Exit{Code: 137, Signal: "SIGKILL"}
					if err := c.Kill(t.Context(), child.ID); err != nil {
						t.Fatal(err)
					}
				} else {
					fmt.Fprintln(f.Stdin)
				}
				if how == "signal" {
					want = keeper.Exit{Code: 143, Signal: "SIGTERM"}
				}
				exit := wait(t, c, child.ID)
				if exit.Code != want.Code || exit.Signal != want.Signal {
					t.Errorf("exit %+v, want %+v", exit, want)
				}
				if alive(pid) {
					t.Errorf("grandchild %d outlives the exit notice", pid)
				}
				if dir := child.Tree.Dir; dir != "" {
					if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
						t.Errorf("cgroup %s stays: %v", dir, err)
					}
				}
			})
		}
	}
}

// In the middle of an exec a process shows no environment. It must be found all
// the same, or it outlives its tree.
func TestMarkIsSeenDuringExec(t *testing.T) {
	script := filepath.Join(t.TempDir(), "again")
	if err := os.WriteFile(script, []byte("exec /bin/sh "+script+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", script)
	cmd.Env = []string{"MARK=here"}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for i := range 5_000 {
		if !keeper.HasMark(cmd.Process.Pid, "MARK=here") {
			t.Fatalf("look %d: not seen", i)
		}
	}
}

// outerPID finds the process that is pid within the namespace of init.
func outerPID(t *testing.T, init, pid int) int {
	t.Helper()
	ns, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", init))
	if err != nil {
		t.Fatal(err)
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/status")
	for _, path := range stats {
		if other, _ := os.Readlink(filepath.Dir(path) + "/ns/pid"); other != ns {
			continue
		}
		text, _ := os.ReadFile(path)
		for l := range strings.Lines(string(text)) {
			if f := strings.Fields(l); len(f) > 2 && f[0] == "NSpid:" && f[len(f)-1] == strconv.Itoa(pid) {
				outer, _ := strconv.Atoi(f[1])
				return outer
			}
		}
	}
	t.Fatalf("no process is %d in %s", pid, ns)
	return 0
}

func TestChildOutlivesItsHub(t *testing.T) {
	dir := t.TempDir()
	first := connect(t, dir)
	child, f := spawn(t, first, shell(`echo one; read x; echo "two $x"; exit 5`))
	if got := line(t, f.Stdout); got != "one" {
		t.Fatalf("got %q", got)
	}
	waiting := shell("sleep 1000")
	waiting.Assigned = false
	pooled, _ := spawn(t, first, waiting)
	first.Close()
	f.Close()
	eventually(t, "end of the unassigned child", func() bool { return !alive(pooled.PID) })

	second := connect(t, dir)
	if got := second.Children(); len(got) != 1 || got[0].ID != child.ID || got[0].Started != child.Started || got[0].Exit != nil {
		t.Fatalf("children %+v, want %+v", got, child)
	}
	_, f, err := second.Open(t.Context(), child.ID)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(f.Stdin, "again")
	if exit := wait(t, second, child.ID); exit.Code != 5 {
		t.Errorf("exit %+v", exit)
	}
	f.Close()
	second.Close()

	// Ended, but not forgotten: the output waits too.
	third := connect(t, dir)
	if exit := wait(t, third, child.ID); exit.Code != 5 {
		t.Errorf("exit %+v", exit)
	}
	_, f, err = third.Open(t.Context(), child.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := all(t, f.Stdout); got != "two again\n" {
		t.Errorf("left in the pipe: %q", got)
	}
}

func TestStdinEndsWhenBothEndsAreClosed(t *testing.T) {
	c := connect(t, t.TempDir())
	child, f := spawn(t, c, shell(`cat`))
	io.WriteString(f.Stdin, "text")
	f.Stdin.Close()
	if err := c.CloseStdin(t.Context(), child.ID); err != nil {
		t.Fatal(err)
	}
	if got := all(t, f.Stdout); got != "text" {
		t.Errorf("got %q", got)
	}
	wait(t, c, child.ID)
	if _, again, err := c.Open(t.Context(), child.ID); err != nil || again.Stdin != nil {
		t.Errorf("stdin is handed out after its end: %v, %v", again.Stdin, err)
	} else {
		again.Close()
	}
}

func TestLaterHubFencesTheEarlier(t *testing.T) {
	dir := t.TempDir()
	first := connect(t, dir)
	child, _ := spawn(t, first, shell("sleep 1000"))
	second := connect(t, dir)
	<-first.Lost()
	if err := first.Err(); !errors.Is(err, keeper.ErrFenced) {
		t.Errorf("first: %v", err)
	}
	if _, _, err := first.Open(t.Context(), child.ID); !errors.Is(err, keeper.ErrFenced) {
		t.Errorf("a fenced Hub was answered: %v", err)
	}
	if _, err := first.Wait(t.Context(), child.ID); !errors.Is(err, keeper.ErrFenced) {
		t.Errorf("wait of a fenced Hub: %v", err)
	}
	if !alive(child.PID) || second.PID() != first.PID() {
		t.Error("fencing has changed more than the connection")
	}
}

// A Hub that was stopped for long finds its connection dropped: no reason to
// give up the keeper.
// What a Hub said before it was killed may be heard after the next one has
// attached. It must not lock that one out.
func TestDeadHubsLastWordsFenceNobody(t *testing.T) {
	dir := t.TempDir()
	connect(t, dir)
	late, hangUp, err := keeper.Call(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer hangUp()
	c := connect(t, dir)
	if err := late(); err == nil {
		t.Error("a Hub that came before the one attached has taken its place")
	}
	child, _ := spawn(t, c, shell("exit 5"))
	if exit := wait(t, c, child.ID); exit.Code != 5 {
		t.Errorf("exit %+v", exit)
	}
}

func TestBrokenConnectionIsMadeAnew(t *testing.T) {
	c := connect(t, t.TempDir())
	child, f := spawn(t, c, shell("read x; exit 4"))
	waiting := shell("sleep 1000")
	waiting.Assigned = false
	pooled, _ := spawn(t, c, waiting)
	c.BreakConnection()
	if exit := wait(t, c, pooled.ID); exit.Signal != "SIGKILL" {
		t.Errorf("the unassigned child: %+v", exit)
	}
	fmt.Fprintln(f.Stdin)
	if exit := wait(t, c, child.ID); exit.Code != 4 {
		t.Errorf("exit %+v", exit)
	}
	other, _ := spawn(t, c, shell("exit 6"))
	if exit := wait(t, c, other.ID); exit.Code != 6 {
		t.Errorf("exit %+v", exit)
	}
}

func TestKilledKeeperTakesItsTreesAlong(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			c := connect(t, dir, kind)
			child, _, pid := spawnTree(t, c, kind, "sleep 1000")
			syscall.Kill(c.PID(), syscall.SIGKILL)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := c.Wait(ctx, child.ID); !errors.Is(err, keeper.ErrGone) {
				t.Errorf("wait: %v", err)
			}
			if err := keeper.EndTree(ctx, child); err != nil {
				t.Errorf("end tree: %v", err)
			}
			if alive(child.PID) || alive(pid) {
				t.Errorf("left over: child %v, grandchild %v", alive(child.PID), alive(pid))
			}
			again := connect(t, dir, kind)
			if got := again.Children(); len(got) != 0 {
				t.Errorf("a new keeper knows %+v", got)
			}
		})
	}
}

// Hub and keeper are killed, and no other Hub comes.
func TestNothingOutlivesAKeeperWithoutAHub(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			c := connect(t, dir, kind)
			child, _, pid := spawnTree(t, c, kind, "sleep 1000")
			eventually(t, "a warden", func() bool { return kind == keeper.PIDNamespace || len(wardens(dir)) == 1 })
			syscall.Kill(c.PID(), syscall.SIGKILL)
			<-c.Lost()
			eventually(t, "end of the grandchild", func() bool { return !alive(child.PID) && !alive(pid) })
			eventually(t, "end of the warden", func() bool { return len(wardens(dir)) == 0 })
			if child.Tree.Dir != "" {
				if _, err := os.Stat(child.Tree.Dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("cgroup stays: %v", err)
				}
			}
		})
	}
}

// wardens lists the processes that watch the keeper of dir.
func wardens(dir string) []int {
	var pids []int
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		text, _ := os.ReadFile(path)
		if args := strings.Split(string(text), "\x00"); len(args) > 2 && args[1] == keeper.WardenCommand && strings.Contains(args[2], `"`+dir+`"`) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestKilledWardenIsReplaced(t *testing.T) {
	dir := t.TempDir()
	c := connect(t, dir, keeper.Sweep)
	if len(wardens(dir)) != 0 {
		t.Error("a warden is there before any program")
	}
	child, f := spawn(t, c, shell(tree+"sleep 1000"))
	pid, _ := strconv.Atoi(line(t, f.Log))
	for range 2 {
		var first []int
		eventually(t, "a warden", func() bool { first = wardens(dir); return len(first) == 1 })
		syscall.Kill(first[0], syscall.SIGTERM) // it heeds the keeper only
		syscall.Kill(first[0], syscall.SIGKILL)
		eventually(t, "another warden", func() bool { w := wardens(dir); return len(w) == 1 && w[0] != first[0] })
	}
	if !alive(child.PID) || !alive(pid) {
		t.Error("a warden's death has ended a program")
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if w := wardens(dir); len(w) != 0 {
		t.Errorf("wardens %v outlive a keeper that ended in order", w)
	}
}

// Hub and keeper are killed: the next keeper finds what is left.
func TestNewKeeperCleansUpAfterADeadOne(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			c := connect(t, dir, kind)
			child, _, pid := spawnTree(t, c, kind, "sleep 1000")
			syscall.Kill(c.PID(), syscall.SIGKILL)
			<-c.Lost()
			connect(t, dir, kind)
			eventually(t, "end of the grandchild", func() bool { return !alive(pid) })
			if child.Tree.Dir != "" {
				if _, err := os.Stat(child.Tree.Dir); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("cgroup stays: %v", err)
				}
			}
		})
	}
}

// Whoever started the Hub with a pipe open waits for the end of that pipe; the
// keeper, which outlives the Hub, must not hold it.
func TestKeeperHoldsNothingTheHubWasStartedWith(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	inherited, err := syscall.Dup(int(w.Fd())) // not closed on exec, as after a fork
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	c := connect(t, t.TempDir())
	spawn(t, c, shell("sleep 1000"))
	syscall.Close(inherited)
	if text := all(t, r); text != "" {
		t.Errorf("read %q", text)
	}
}

func TestOrphansEndAndAreRemembered(t *testing.T) {
	dir := t.TempDir()
	c, err := keeper.Connect(t.Context(), keeper.Config{Dir: dir, OrphanAfter: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	child, _ := spawn(t, c, shell("sleep 1000"))
	pid := c.PID()
	c.Close()
	eventually(t, "end of the keeper", func() bool { return !alive(pid) })
	if alive(child.PID) {
		t.Error("the orphan runs")
	}
	again := connect(t, dir)
	if exit := wait(t, again, child.ID); exit.Signal != "SIGKILL" {
		t.Errorf("exit %+v", exit)
	}
	if err := again.Forget(t.Context(), child.ID); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "run", "exits", "*")); len(left) != 0 {
		t.Errorf("records stay: %v", left)
	}
}

func TestDeepFolderIsNoObstacle(t *testing.T) {
	dir := t.TempDir()
	for range 12 {
		dir = filepath.Join(dir, "a-folder-name-that-makes-paths-long")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	connect(t, dir).Close()
	connect(t, dir)
	if info, err := os.Stat(filepath.Join(dir, "run", "keeper.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("socket %v, %v", info, err)
	}
}

func TestWhatCannotStartSaysWhy(t *testing.T) {
	c := connect(t, t.TempDir())
	for what, change := range map[string]func(*keeper.Spec){
		"no such file": func(s *keeper.Spec) { s.Argv = []string{"/no/such/program"} },
		"no command":   func(s *keeper.Spec) { s.Argv = nil },
		"chdir /no":    func(s *keeper.Spec) { s.Dir = "/no/such/dir" },
		"exec format":  func(s *keeper.Spec) { s.Argv = []string{"/bin/sh"}; s.Argv[0] = scribble(t) },
	} {
		spec := shell("")
		change(&spec)
		child, f := spawn(t, c, spec)
		if report := all(t, f.Report); !strings.Contains(report, what) {
			t.Errorf("want %q in the report %q", what, report)
		}
		if exit := wait(t, c, child.ID); exit.Code == 0 {
			t.Errorf("%s: exit %+v", what, exit)
		}
	}
	if _, _, _, err := c.Spawn(t.Context(), keeper.Spec{ID: "../x"}); err == nil {
		t.Error("an id that is a path was taken")
	}
}

func scribble(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "scribble")
	if err := os.WriteFile(path, []byte("\x00\x01nothing"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLimitsAreInForce(t *testing.T) {
	c := connect(t, t.TempDir())
	spec := shell(`ulimit -n; for i in 1 2 3 4 5 6 7 8; do sleep 1000 & done; echo forked`)
	spec.Limits = waverider.Limits{Files: 64, PIDs: 5}
	child, report, f, err := c.Spawn(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if !strings.Contains(strings.Join(report.Layers, ","), "process limit 5") {
		t.Skipf("no pids controller: %+v", report)
	}
	if out := all(t, f.Stdout); !strings.HasPrefix(out, "64\n") || strings.Contains(out, "forked") {
		t.Errorf("stdout %q", out)
	}
	wait(t, c, child.ID)

	hungry := shell(`x=a; while :; do x=$x$x; done`)
	hungry.Limits = waverider.Limits{Memory: 32}
	child, report, f, err = c.Spawn(t.Context(), hungry)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if !strings.Contains(strings.Join(report.Layers, ","), "memory limit 32 MiB") {
		t.Skipf("no memory controller: %+v", report)
	}
	if exit := wait(t, c, child.ID); exit.Signal != "SIGKILL" {
		t.Errorf("a program that eats memory ended with %+v", exit)
	}
}

// A program with the right to makes cgroups of its own within its own.
func TestNestedCgroupsEndToo(t *testing.T) {
	for _, kind := range []keeper.Kind{keeper.Cgroup2, keeper.Cgroup1} {
		t.Run(string(kind), func(t *testing.T) {
			c := connect(t, t.TempDir(), kind)
			child, f := spawn(t, c, shell(`read dir; mkdir $dir/inner; sleep 1000 & echo $! >$dir/inner/cgroup.procs; echo $!; exit 2`))
			fmt.Fprintln(f.Stdin, child.Tree.Dir)
			pid, err := strconv.Atoi(line(t, f.Stdout))
			if err != nil {
				t.Fatal(err)
			}
			if exit := wait(t, c, child.ID); exit.Code != 2 || alive(pid) {
				t.Errorf("exit %+v; inner process alive %v", exit, alive(pid))
			}
			if _, err := os.Stat(child.Tree.Dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("cgroup stays: %v", err)
			}
		})
	}
}

func TestKeeperThatIsNotNeededEnds(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 10 s")
	}
	t.Parallel()
	c, err := keeper.Connect(t.Context(), keeper.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	pid, began := c.PID(), time.Now()
	c.Close()
	for deadline := time.Now().Add(20 * time.Second); alive(pid); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it stays")
		}
	}
	if took := time.Since(began); took < 9*time.Second {
		t.Errorf("it ended after %v: no time for a Hub to come back", took)
	}
}

// A Hub that ends while it comes up gives up its keeper, wherever that is.
func TestGivenUpKeeperLeavesNoCgroup(t *testing.T) {
	dir := t.TempDir()
	c := connect(t, dir)
	child, _ := spawn(t, c, shell("exit 0"))
	if child.Tree.Dir == "" {
		t.Skipf("no cgroups here: %s", child.Tree.Kind)
	}
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for n := range 60 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*time.Millisecond)
		c, err := keeper.Connect(ctx, keeper.Config{Dir: dir})
		cancel()
		if err == nil {
			c.Shutdown(t.Context())
			c.Close()
		}
		if _, err := os.Stat(filepath.Dir(child.Tree.Dir)); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("given up after %d ms: a cgroup is left: %v", n, err)
		}
	}
}

// The first process of a pid namespace is ours, and stands for the program only
// towards the keeper.
func TestProgramIsTheProcessThatRunsIt(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			c := connect(t, t.TempDir(), kind)
			// An orphan is a child of the first process too.
			child, f := spawn(t, c, shell(`sh -c 'sleep 1000 &'; echo $$; read x`))
			pid, err := strconv.Atoi(line(t, f.Stdout))
			if err != nil {
				t.Fatal(err)
			}
			if kind == keeper.PIDNamespace {
				pid = outerPID(t, child.PID, pid)
			}
			if got := keeper.Program(child); got != pid {
				t.Errorf("program is %d, want %d; the child is %d", got, pid, child.PID)
			}
		})
	}
}

func TestUsageCountsTheTree(t *testing.T) {
	for _, kind := range allKinds {
		t.Run(string(kind), func(t *testing.T) {
			c := connect(t, t.TempDir(), kind)
			child, f := spawn(t, c, shell(`sh -c 'i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; sleep 1000 & echo $$; wait'; :`))
			line(t, f.Stdout)
			memory, cpu, pids, err := keeper.Usage(child)
			if err != nil || memory < 1<<20 || cpu < 10*time.Millisecond || len(pids) < 3 {
				t.Errorf("usage %d bytes, %v, pids %v, %v", memory, cpu, pids, err)
			}
			if !hasPID(pids, child.PID) {
				t.Errorf("%v is without the child %d", pids, child.PID)
			}
		})
	}
}

func hasPID(pids []int, pid int) bool {
	for _, p := range pids {
		if p == pid {
			return true
		}
	}
	return false
}

func TestSecretsAreNotInProcessLists(t *testing.T) {
	t.Setenv("KEEPER_TEST_SECRET", "hunter2")
	c := connect(t, t.TempDir())
	child, f := spawn(t, c, shell(`echo ready; sleep 1000`))
	line(t, f.Stdout)
	for _, pid := range []int{c.PID(), child.PID} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || strings.Contains(string(text), "hunter2") {
			t.Errorf("command line %q, %v", text, err)
		}
	}
	env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.PID()))
	if strings.Contains(string(env), "KEEPER_TEST_SECRET") {
		t.Errorf("the keeper's environment is %q", env)
	}
}

func TestShutdownLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	c := connect(t, dir)
	child, _ := spawn(t, c, shell("sleep 1000"))
	if err := c.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alive(child.PID) || alive(c.PID()) {
		t.Errorf("child alive %v, keeper alive %v", alive(child.PID), alive(c.PID()))
	}
	if _, err := os.Stat(filepath.Join(dir, "run", "keeper.sock")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, _, err := c.Open(t.Context(), child.ID); !errors.Is(err, keeper.ErrGone) {
		t.Errorf("call after shutdown: %v", err)
	}
}
