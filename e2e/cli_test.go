package e2e_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// binary is the program under test: $WAVERIDER_BIN, else built once.
var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "waverider-e2e")
	if err == nil {
		err = build(dir)
	}
	_ = os.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config")) // not the profiles of who runs the tests
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(dir string) (err error) {
	if binary = os.Getenv("WAVERIDER_BIN"); binary != "" {
		binary, err = filepath.Abs(binary)
		return err
	}
	binary = filepath.Join(dir, "waverider")
	out, err := exec.Command("go", "build", "-o", binary, "waverider/cmd/waverider").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

func TestCommands(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("the programs of these scripts are Node's, which is not here")
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/cli",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Setenv("XDG_DATA_HOME", filepath.Join(env.WorkDir, "data"))
			env.Setenv("NO_COLOR", "1")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"starthub": startHub, "stophub": stopHub, "startspace": startSpace, "stopspace": stopSpace, "exits": exits, "http": request, "setenv": setFromOutput, "eventually": eventually,
		},
	})
}

// hubs are the Hubs and Spaces that were started, by pid.
var hubs sync.Map

type running struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when Wait has returned
}

// startHub starts a Hub on a free port, waits until it answers, and sets
// WAVERIDER_URL and HUB_ADDRESS: starthub [FLAG...]
func startHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use exits for a Hub that must not start")
	}
	base := start(ts, "hub", append([]string{"--data-dir", ts.MkAbs("hub")}, args...))
	ts.Setenv("WAVERIDER_URL", base.String())
	ts.Setenv("HUB_ADDRESS", base.Host)
}

// startSpace starts a Space on a free port, with its admin token in the file
// space.token, waits until it answers, and sets SPACE_URL and SPACE_CERT:
// startspace [FLAG...]
func startSpace(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("use exits for a Space that must not start")
	}
	base := start(ts, "space", append([]string{"--data-dir", ts.MkAbs("space"), "--token-file", ts.MkAbs("space.token")}, args...))
	base.Path = ""
	ts.Setenv("SPACE_URL", base.String())
	ts.Setenv("SPACE_CERT", ts.MkAbs("space/tls/cert.pem"))
}

// start starts a role, waits until it answers, and sets its …_PID.
func start(ts *testscript.TestScript, role string, args []string) *url.URL {
	cmd := exec.Command(binary, append([]string{role, "--listen", "127.0.0.1:0"}, args...)...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "WAVERIDER_TOKEN_FILE=")
	log, err := os.OpenFile(ts.MkAbs(role+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	_ = log.Close()
	h := &running{cmd: cmd, done: make(chan struct{})}
	line := ""
	lines := bufio.NewScanner(out)
	for !strings.Contains(line, " is Running! ") && lines.Scan() {
		line = lines.Text()
	}
	go func() { // StdoutPipe wants all read before Wait
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
		close(h.done)
	}()
	ts.Defer(func() { h.end(ts, os.Interrupt) })
	_, address, found := strings.Cut(line, " is Running! ")
	if !found {
		<-h.done
		text, _ := os.ReadFile(ts.MkAbs(role + ".log"))
		ts.Fatalf("the %s did not start: %s", role, text)
	}
	base, err := url.Parse(address)
	ts.Check(err)
	ts.Setenv(strings.ToUpper(role)+"_PID", strconv.Itoa(cmd.Process.Pid))
	hubs.Store(cmd.Process.Pid, h)
	return base
}

// stopHub sends the Hub that was started last a signal and waits for its end:
// stophub INT|TERM|KILL
func stopHub(ts *testscript.TestScript, neg bool, args []string) { stop(ts, "HUB", neg, args) }

// stopSpace is stophub for the Space: stopspace INT|TERM|KILL
func stopSpace(ts *testscript.TestScript, neg bool, args []string) { stop(ts, "SPACE", neg, args) }

func stop(ts *testscript.TestScript, role string, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
	if len(args) != 1 || signals[args[0]] == nil || neg {
		ts.Fatalf("usage: stophub or stopspace INT|TERM|KILL")
	}
	pid, err := strconv.Atoi(ts.Getenv(role + "_PID"))
	ts.Check(err)
	h, ok := hubs.Load(pid)
	if !ok {
		ts.Fatalf("none runs")
	}
	h.(*running).end(ts, signals[args[0]])
}

func (h *running) end(ts *testscript.TestScript, s os.Signal) {
	if err := h.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		ts.Logf("signal: %v", err)
	}
	select {
	case <-h.done:
	case <-time.After(30 * time.Second):
		_ = h.cmd.Process.Kill()
		<-h.done
		ts.Fatalf("it did not end within 30 s after %v", s)
	}
}

// exits runs a command that must end with this exit code: exits CODE COMMAND...
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: exits CODE COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d\n%s%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// eventually runs a command until its stdout has a text: eventually TEXT COMMAND...
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: eventually TEXT COMMAND...")
	}
	for deadline := time.Now().Add(20 * time.Second); ; {
		err := ts.Exec(args[1], args[2:]...)
		if strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("no %q (%v) in\n%s%s", args[0], err, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

// request sends a plain HTTP request below $WAVERIDER_URL, for what commands
// do not send, and wants a status: http STATUS METHOD PATH [Header: value]...
func request(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 || neg {
		ts.Fatalf("usage: http STATUS METHOD PATH [Header: value]...")
	}
	req, err := http.NewRequest(args[1], ts.Getenv("WAVERIDER_URL")+args[2], nil)
	ts.Check(err)
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ": ")
		if req.Header.Set(name, value); name == "Host" {
			req.Host = value
		}
	}
	resp, err := http.DefaultClient.Do(req)
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if got := strconv.Itoa(resp.StatusCode); got != args[0] {
		ts.Fatalf("%s %s: status %s, want %s: %s", args[1], args[2], got, args[0], body)
	}
	if resp.Header.Get("Access-Control-Allow-Origin") == "*" {
		ts.Fatalf("the answer is open to every origin")
	}
}

// setFromOutput keeps the last stdout in a variable: setenv NAME
func setFromOutput(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}
