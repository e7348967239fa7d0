package keeper_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"waverider"
	"waverider/runtime/process/keeper"
)

const nobody = 65534

// TestWithoutPrivileges runs TestAsNobody in a process of no rights.
func TestWithoutPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become nobody; the other tests run without privileges")
	}
	// Not t.TempDir, which is closed to others.
	dir, err := os.MkdirTemp("", "nobody")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "keeper.test")
	if err := copyFile(os.Args[0], binary); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, own := range map[string]int{dir: 0, binary: 0, home: nobody} {
		if err := os.Chown(path, own, own); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestAsNobody$", "-test.v")
	cmd.Dir, cmd.Env = home, append(os.Environ(), "TMPDIR="+home, "HOME="+home, "KEEPER_TEST_NOBODY=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestAsNobody") {
		t.Errorf("%v\n%s", err, out)
	}
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// Without rights to cgroups a tree ends with its pid namespace, and what
// cannot be limited is said.
func TestAsNobody(t *testing.T) {
	if os.Getenv("KEEPER_TEST_NOBODY") == "" {
		t.Skip("TestWithoutPrivileges runs it")
	}
	c := connect(t, t.TempDir())
	spec := shell(tree + "sleep 1000")
	spec.Limits = waverider.Limits{Memory: 100, Files: 50}
	child, report, f, err := c.Spawn(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if said := all(t, f.Report); strings.Contains(said, `"error"`) {
		t.Fatalf("report: %s", said)
	}
	if child.Tree.Kind != keeper.PIDNamespace {
		t.Skipf("user namespaces are closed here: %s", child.Tree.Kind)
	}
	if missing := strings.Join(report.Missing, ", "); !strings.Contains(missing, "memory limit 100 MiB") {
		t.Errorf("missing: %q", missing)
	}
	pid, err := strconv.Atoi(line(t, f.Log))
	if err != nil {
		t.Fatal(err)
	}
	pid = outerPID(t, child.PID, pid)
	if err := c.Kill(t.Context(), child.ID); err != nil {
		t.Fatal(err)
	}
	if exit := wait(t, c, child.ID); exit.Signal != "SIGKILL" || alive(pid) {
		t.Errorf("exit %+v, grandchild alive %v", exit, alive(pid))
	}

	own, f := spawn(t, c, shell(`id -u; id -g; read x; kill -TERM $$; sleep 9`))
	if uid, gid := line(t, f.Stdout), line(t, f.Stdout); uid != "65534" || gid != "65534" {
		t.Errorf("uid %s, gid %s", uid, gid)
	}
	io.WriteString(f.Stdin, "\n")
	if exit := wait(t, c, own.ID); exit.Signal != "SIGTERM" {
		t.Errorf("exit %+v", exit)
	}

	// The keeper's death takes everything along here too.
	last, f := spawn(t, c, shell(tree+"sleep 1000"))
	if pid, err = strconv.Atoi(line(t, f.Log)); err != nil {
		t.Fatal(err)
	}
	pid = outerPID(t, last.PID, pid)
	syscall.Kill(c.PID(), syscall.SIGKILL)
	<-c.Lost()
	if err := keeper.EndTree(t.Context(), last); err != nil || alive(pid) {
		t.Errorf("%v, grandchild alive %v", err, alive(pid))
	}
}
