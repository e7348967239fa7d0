package process_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"waverider/runner"
	"waverider/runtime"
	"waverider/runtime/process"
	"waverider/runtime/process/keeper"
	"waverider/runtime/runtimetest"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if run := process.Helpers[os.Args[1]]; run != nil {
			os.Exit(run(os.Args[2:]))
		}
	}
	runtimetest.Program()
	if dir := os.Getenv("PROCESS_TEST_HUB"); dir != "" {
		helperHub(dir)
	}
	os.Setenv("GORACE", "atexit_sleep_ms=0") // for the keepers started here
	goleak.VerifyTestMain(m)
}

// suiteLanguage is this binary as a runner. The variable counts for one that
// was built with -race only.
var suiteLanguage = map[string]process.Language{
	"suite": {Version: "1", Argv: []string{"env", "GORACE=atexit_sleep_ms=0", os.Args[0]}},
}

// place is a Hub's data folder with what surrounds a Runtime.
type place struct {
	t     testing.TB
	cfg   process.Config
	close func()
}

func newPlace(t testing.TB, change func(*process.Config)) *place {
	t.Helper()
	dir := t.TempDir()
	p := &place{t: t, cfg: process.Config{
		Dir:       dir,
		Languages: suiteLanguage,
		Pool:      process.PoolConfig{Size: -1},
		Log:       slog.New(slog.NewTextHandler(t.Output(), nil)),
	}}
	if change != nil {
		change(&p.cfg)
	}
	t.Cleanup(func() {
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "run", "keeper.log"))
			t.Logf("keeper.log:\n%s", text)
		}
	})
	return p
}

// open opens a Runtime as a Hub process does. It is closed, with all its
// processes, at the test's end, unless Again came first.
func (p *place) open() *process.Runtime {
	p.t.Helper()
	run := filepath.Join(p.cfg.Dir, "run")
	if err := os.MkdirAll(run, 0o700); err != nil {
		p.t.Fatal(err)
	}
	channel, err := runner.Listen(filepath.Join(run, "channel.sock"))
	if err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { channel.Run(ctx) })
	cfg := p.cfg
	cfg.Channel = channel
	r, err := process.Open(cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	end := func(kill bool) {
		if err := r.Close(kill); err != nil {
			p.t.Errorf("close: %v", err)
		}
		cancel()
		wg.Wait()
	}
	once := sync.OnceFunc(func() { end(true) })
	p.t.Cleanup(func() { once() })
	p.close = func() { end(false); once = func() {} }
	return r
}

func (p *place) again() runtime.Runtime {
	p.close()
	return p.open()
}

// keeperPID is the keeper of this place.
func (p *place) keeperPID() int {
	p.t.Helper()
	entries, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, e := range entries {
		text, _ := os.ReadFile(e)
		if string(text) == strings.Join([]string{"waverider", keeper.Command, p.cfg.Dir, ""}, "\x00") {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(e)))
			return pid
		}
	}
	p.t.Fatal("no keeper")
	return 0
}

func TestRuntime(t *testing.T) {
	for _, kind := range []keeper.Kind{keeper.Cgroup2, keeper.Cgroup1, keeper.PIDNamespace, keeper.Sweep} {
		t.Run(string(kind), func(t *testing.T) {
			if kind != keeper.Cgroup2 && testing.Short() {
				t.Skip("the other ways are for long runs")
			}
			runtimetest.Run(t, func(t *testing.T) *runtimetest.Target {
				p := newPlace(t, func(c *process.Config) { c.Trees = []keeper.Kind{kind} })
				return p.target()
			})
		})
	}
}

func TestRuntimeWithPool(t *testing.T) {
	runtimetest.Run(t, func(t *testing.T) *runtimetest.Target {
		p := newPlace(t, func(c *process.Config) { c.Pool.Size = 2 })
		return p.target()
	})
}

func (p *place) target() *runtimetest.Target {
	return &runtimetest.Target{
		Runtime: p.open(), Language: "suite", Dir: filepath.Join(p.cfg.Dir, "slots"),
		Again:      p.again,
		KillKeeper: func() { syscall.Kill(p.keeperPID(), syscall.SIGKILL) },
		Trees:      true,
		Limits:     runtimetest.Limits{Memory: true, PIDs: true, Files: true},
	}
}
