package keeper_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"waverider/runtime/process/keeper"
)

func TestDirectRunsAndEndsPrograms(t *testing.T) {
	dir := t.TempDir()
	d, err := keeper.ConnectDirect(keeper.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	spec := shell(`read x; echo "out $x"; sleep 1000 & echo $! >&3; exit 7`)
	child, report, f, err := d.Spawn(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(report.Missing) == 0 {
		t.Error("what is missing here goes unsaid")
	}
	fmt.Fprintln(f.Stdin, "hello")
	pid, _ := strconv.Atoi(line(t, f.Log))
	if got := line(t, f.Stdout); got != "out hello" {
		t.Errorf("stdout %q", got)
	}
	if exit, err := d.Wait(t.Context(), child.ID); err != nil || exit.Code != 7 {
		t.Errorf("exit %+v, %v", exit, err)
	}
	eventually(t, "end of the grandchild", func() bool { return !alive(pid) })

	child, _, f2, err := d.Spawn(t.Context(), shell("exec sleep 1000"))
	if err != nil {
		t.Fatal(err)
	}
	defer f2.Close()
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if exit, err := d.Wait(t.Context(), child.ID); err != nil || exit.Signal != "SIGKILL" {
		t.Errorf("exit %+v, %v", exit, err)
	}
}

func TestDirectEndsWhatAKilledHubLeft(t *testing.T) {
	dir := t.TempDir()
	left := exec.Command("setsid", "sleep", "1000")
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	defer left.Wait()
	defer left.Process.Kill()
	eventually(t, "own session of the left process", func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", left.Process.Pid))
		return string(text[:min(5, len(text))]) == "sleep"
	})
	if err := keeper.WriteDirectRecord(dir, left.Process.Pid); err != nil {
		t.Fatal(err)
	}
	d, err := keeper.ConnectDirect(keeper.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	eventually(t, "end of the left process", func() bool { return !alive(left.Process.Pid) })
}
