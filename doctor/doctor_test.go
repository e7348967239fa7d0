package doctor_test

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"waverider/doctor"
	"waverider/internal/testbin"
	"waverider/localhub"
)

func TestMain(m *testing.M) {
	code := m.Run()
	testbin.Remove()
	os.Exit(code)
}

// examine runs the built program, as what it tries needs its own helpers.
func examine(t *testing.T, env []string, args ...string) (found map[string]doctor.Finding, exit int) {
	t.Helper()
	cmd := exec.Command(testbin.Path(t), append([]string{"doctor", "-o", "json"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	var all []doctor.Finding
	if err := json.Unmarshal(out, &all); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	found = map[string]doctor.Finding{}
	for _, f := range all {
		found[f.Check] = f
	}
	return found, cmd.ProcessState.ExitCode()
}

func TestRunningHubIsExamined(t *testing.T) {
	binary := testbin.WithNode(t)
	hub, err := localhub.Start(t.Context(), localhub.Config{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	found, exit := examine(t, nil, "--url", hub.URL())
	if exit != 0 {
		t.Errorf("exit code %d: %+v", exit, found)
	}
	for check, want := range map[string]string{
		"hub": hub.URL(), "hub engines": "node ", "exposure": "only this machine", "hub disk": "GiB free", "keeper": "",
		"node": "at /", "sandbox": "no-new-privileges",
	} {
		f, ok := found[check]
		if !ok || f.State == doctor.Fail || !strings.Contains(f.Text, want) {
			t.Errorf("%s: %+v, want %q", check, f, want)
		}
	}
}

func TestFaultsEndWithOne(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	found, exit := examine(t, []string{"PATH=" + t.TempDir()}, "--url", "http://"+nobody)
	if exit != 1 {
		t.Errorf("exit code %d", exit)
	}
	for _, check := range []string{"node", "hub"} {
		if f := found[check]; f.State != doctor.Fail || f.Do == "" {
			t.Errorf("%s: %+v", check, f)
		}
	}
	if f := found["npm"]; f.State != doctor.Warn {
		t.Errorf("npm: %+v", f)
	}
}

func TestHubThatWantsATokenIsNoFault(t *testing.T) {
	hub, err := localhub.Start(t.Context(), localhub.Config{Binary: testbin.Path(t), Args: []string{"--token-file", t.TempDir() + "/token"}})
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	found, _ := examine(t, nil, "--url", hub.URL())
	if f := found["hub access"]; f.State != doctor.Warn || !strings.Contains(f.Do, "--token-file") {
		t.Errorf("%+v", f)
	}
}

func TestNothingIsLeft(t *testing.T) {
	binary := testbin.Path(t)
	temp := t.TempDir()
	cmd := exec.Command(binary, "doctor")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, "HOME="+temp)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() > 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	left, err := os.ReadDir(temp)
	if err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
