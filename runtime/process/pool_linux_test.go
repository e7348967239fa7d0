package process_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"waverider/runtime"
	"waverider/runtime/process"
)

// waiting lists the runners that wait for a program, by their folders.
func waiting(p *place) []string {
	list, _ := filepath.Glob(filepath.Join(p.cfg.Dir, "slots", ".pool-*"))
	return list
}

func end(t *testing.T, p runtime.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := p.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if err := p.Release(); err != nil {
		t.Error(err)
	}
}

func start(t *testing.T, r *process.Runtime, spec runtime.Spec) runtime.Process {
	t.Helper()
	p, err := r.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func slotSpec(p *place, slot, main string) runtime.Spec {
	spec := helperSpec(p.cfg.Dir, main)
	spec.ID, spec.Dir, spec.Logs = slot, filepath.Join(p.cfg.Dir, "slots", slot), logsOf(p.cfg.Dir, slot)
	spec.Start.Slot = spec.Dir
	return spec
}

func TestWaitingRunnerBecomesTheProgram(t *testing.T) {
	p := newPlace(t, func(c *process.Config) { c.Pool.Size = 1 })
	r := p.open()
	if len(waiting(p)) != 0 || len(programs(p.cfg.Dir)) != 0 {
		t.Error("a runner waits before its language was used")
	}
	first := start(t, r, slotSpec(p, "one", "spin"))
	eventually(t, "a waiting runner", func() bool { return r.Waiting("suite") == 1 })
	before := programs(p.cfg.Dir)

	spec := slotSpec(p, "two", "where")
	spec.Limits.Files = 99
	spec.Limits.Memory = 200
	spec.Grants.Env = map[string]string{"GRANTED": "yes"}
	second := start(t, r, spec)
	pid := childPID(t, second)
	if !slices.Contains(before, pid) {
		t.Errorf("process %d is not one of %v that ran before", pid, before)
	}
	if _, err := second.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	second.Log("stdout").Finish()
	got := strings.Split(text(t, second.Log("stdout")), "\n")
	if len(got) < 4 || got[0] != spec.Dir || got[1] != spec.Dir || got[2] != "yes" || got[3] != "99" {
		second.Log("stderr").Finish()
		t.Errorf("folder, HOME, grant, files: %q; %s", got, text(t, second.Log("stderr")))
	}
	if layers := strings.Join(second.Applied().Layers, ", "); !strings.Contains(layers, "memory limit 200 MiB") || !strings.Contains(layers, "open file limit 99") {
		t.Errorf("applied: %s", layers)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	eventually(t, "the next waiting runner", func() bool { return r.Waiting("suite") == 1 })
	end(t, first)
}

// childPID is the pid in a process's handle: Usage fails once it has ended.
func childPID(t *testing.T, p runtime.Process) int {
	t.Helper()
	pid, err := process.HandlePID(p.Handle())
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestDeadWaitingRunnerIsNotUsed(t *testing.T) {
	p := newPlace(t, func(c *process.Config) { c.Pool.Size = 1 })
	r := p.open()
	first := start(t, r, slotSpec(p, "one", "spin"))
	eventually(t, "a waiting runner", func() bool { return r.Waiting("suite") == 1 })
	for _, pid := range programs(p.cfg.Dir) {
		if pid != childPID(t, first) {
			if proc, err := os.FindProcess(pid); err == nil {
				proc.Kill()
			}
			eventually(t, "its end", func() bool { return !alive(pid) })
		}
	}
	second := start(t, r, slotSpec(p, "two", "exit"))
	if exit, err := second.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Errorf("exit %+v, %v", exit, err)
	}
	if err := second.Release(); err != nil {
		t.Error(err)
	}
	end(t, first)
}

// What cannot be changed in a running process is started anew, and so is what
// has a folder already.
func TestRunnerThatDoesNotFitKeepsWaiting(t *testing.T) {
	p := newPlace(t, func(c *process.Config) { c.Pool.Size = 1 })
	r := p.open()
	first := start(t, r, slotSpec(p, "one", "spin"))
	eventually(t, "a waiting runner", func() bool { return r.Waiting("suite") == 1 })
	before := programs(p.cfg.Dir)

	env := slotSpec(p, "two", "spin")
	env.Grants.Env = map[string]string{"NODE_OPTIONS": "--max-old-space-size=100"}
	old := slotSpec(p, "three", "spin")
	if err := os.MkdirAll(old.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, spec := range []runtime.Spec{env, old} {
		proc := start(t, r, spec)
		if pid := childPID(t, proc); slices.Contains(before, pid) {
			t.Errorf("%s got a runner that waited", spec.ID)
		}
		end(t, proc)
	}
	end(t, first)
}

func TestWaitingRunnersEndWithTheHub(t *testing.T) {
	p := newPlace(t, func(c *process.Config) { c.Pool.Size = 1 })
	hub := startHub(t, p.cfg.Dir) // has a pool too
	eventually(t, "a waiting runner", func() bool { return len(waiting(p)) == 1 && len(programs(p.cfg.Dir)) >= 4 })
	hub.Process.Kill()
	hub.Wait()
	// Left: "lines", "tree" and its grandchild.
	eventually(t, "end of the waiting one", func() bool { return len(programs(p.cfg.Dir)) == 3 })
	r := p.open()
	if left := waiting(p); len(left) != 0 {
		t.Errorf("folders stay: %v", left)
	}
	if err := r.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsWaitingRunners(t *testing.T) {
	p := newPlace(t, func(c *process.Config) { c.Pool.Size = 2 })
	r := p.open()
	proc := start(t, r, slotSpec(p, "one", "spin"))
	eventually(t, "waiting runners", func() bool { return r.Waiting("suite") == 2 })
	h := proc.Handle()
	p.close()
	if left := waiting(p); len(left) != 0 {
		t.Errorf("folders stay: %v", left)
	}
	eventually(t, "end of the waiting ones", func() bool { return len(programs(p.cfg.Dir)) == 1 })
	again, err := p.open().Attach(t.Context(), h, slotSpec(p, "one", "spin"))
	if err != nil {
		t.Fatal(err)
	}
	end(t, again)
	if _, err := r.Start(t.Context(), slotSpec(p, "two", "spin")); err == nil {
		t.Error("a closed Runtime has started something")
	} else if errors.Is(err, runtime.ErrLost) {
		t.Errorf("start: %v", err)
	}
}

func TestPoolSize(t *testing.T) {
	for _, c := range []struct {
		size   int
		memory int64
		want   int
	}{{0, 8 << 30, 1}, {3, 8 << 30, 3}, {-1, 8 << 30, 0}, {3, 900 << 20, 0}, {2, 0, 2}} {
		if got := process.PoolSize(process.PoolConfig{Size: c.size}, c.memory); got != c.want {
			t.Errorf("size %d with %d bytes of memory: %d, want %d", c.size, c.memory, got, c.want)
		}
	}
}
