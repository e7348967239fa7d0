package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// shell runs commands as a user types them.
type shell struct {
	dir string
	env []string
}

func (s *shell) command(script string) *exec.Cmd {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = s.dir
	cmd.Env = append(withoutOurs(os.Environ()), s.env...)
	return cmd
}

// withoutOurs leaves out what the environment of the test says to waverider.
func withoutOurs(env []string) (out []string) {
	for _, e := range env {
		if !strings.HasPrefix(e, "WAVERIDER_") {
			out = append(out, e)
		}
	}
	return out
}

// run runs a script to its end and answers what it printed.
func (s *shell) run(t *testing.T, script string) string {
	t.Helper()
	cmd := s.command(script)
	var errs strings.Builder
	cmd.Stderr = &errs
	// What does not end is ended with all it runs, which may hold its pipes.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	limit := time.AfterFunc(3*time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer limit.Stop()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v in:\n%s\nstdout:\n%s\nstderr:\n%s", err, script, out, &errs)
	}
	return string(out)
}

// start starts a Hub, which ends with the test, and answers its address.
func (s *shell) start(t *testing.T, script string) string {
	t.Helper()
	cmd := s.command("exec " + strings.TrimSpace(script))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		limit := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		defer limit.Stop()
		if err := cmd.Wait(); err != nil {
			t.Errorf("end of the Hub: %v", err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the Hub did not start: %v", err)
	}
	return regexp.MustCompile(`http://\S+`).FindString(line)
}
