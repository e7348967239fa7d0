package e2e_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sthPatience is for what takes a second on a quiet machine.
const sthPatience = 30 * time.Second

// sthProcess is a running sth and its log.
type sthProcess struct {
	t     *testing.T
	cmd   *exec.Cmd
	out   io.Closer
	lines chan string // closed at the end of stdout
	seen  []string
	base  string // of its API
	done  chan struct{}
}

// sthIn is the program as its users of Scramjet call it, with a folder of its own.
type sthIn struct {
	t    *testing.T
	dir  string
	name string
}

func newSTHIn(t *testing.T) *sthIn {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	s := &sthIn{t: t, dir: t.TempDir(), name: "sth"}
	s.link(s.name)
	return s
}

func (s *sthIn) link(name string) {
	s.t.Helper()
	if err := os.Symlink(binary, filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
	s.name = name
}

// write makes a file in the folder.
func (s *sthIn) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sthIn) program(id, code string) {
	s.t.Helper()
	s.write("seqs/"+id+"/package.json", `{"name":"p","version":"1.0.0","main":"index.js"}`)
	s.write("seqs/"+id+"/index.js", code)
}

func (s *sthIn) command(args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.dir, s.name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_DATA_HOME="+filepath.Join(s.dir, "data"), "NO_COLOR=")
	return cmd
}

// start runs sth on a free port, with the data dir d.
func (s *sthIn) start(args ...string) *sthProcess {
	s.t.Helper()
	cmd := s.command(append([]string{"-P", "0", "--data-dir", "d"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(s.dir, "stderr"))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = stderr
	if err := errors.Join(cmd.Start(), stderr.Close()); err != nil {
		s.t.Fatal(err)
	}
	p := &sthProcess{t: s.t, cmd: cmd, out: out, lines: make(chan string, 1000), done: make(chan struct{})}
	go func() {
		defer close(p.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			p.lines <- in.Text()
		}
	}()
	s.t.Cleanup(func() { p.end(syscall.SIGKILL) })
	return p
}

// await reads the log up to a line with text in it.
func (p *sthProcess) await(text string) string {
	p.t.Helper()
	limit := time.After(sthPatience)
	for {
		select {
		case line, more := <-p.lines:
			if !more {
				p.t.Fatalf("ended without %q:\n%s\n%s", text, strings.Join(p.seen, "\n"), p.stderr())
			}
			p.seen = append(p.seen, line)
			if m := regexp.MustCompile(`API on (\S+)`).FindStringSubmatch(line); m != nil {
				p.base = "http://" + m[1] + "/api/v1"
			}
			if strings.Contains(line, text) {
				return line
			}
		case <-limit:
			p.t.Fatalf("no %q in\n%s", text, strings.Join(p.seen, "\n"))
		}
	}
}

// end sends a signal and answers the exit code; 0 sends none.
func (p *sthProcess) end(sig syscall.Signal) int {
	p.t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	default:
	}
	if sig != 0 {
		_ = p.cmd.Process.Signal(sig)
	}
	overdue := time.AfterFunc(sthPatience, func() { _ = p.cmd.Process.Kill() })
	defer overdue.Stop()
	for line := range p.lines {
		p.seen = append(p.seen, line)
	}
	_ = p.cmd.Wait() // the code is asked for below
	close(p.done)
	return p.cmd.ProcessState.ExitCode()
}

func (p *sthProcess) stderr() string {
	text, err := os.ReadFile(filepath.Join(p.cmd.Dir, "stderr"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *sthProcess) get(path string) (status int, body string) {
	p.t.Helper()
	return fetch(p.t, p.base+path)
}

func fetch(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func (p *sthProcess) ids(path string) []string {
	p.t.Helper()
	_, body := p.get(path)
	var list []struct{ ID string }
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		p.t.Fatal(err)
	}
	ids := make([]string, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	return ids
}

const sthWaits = `module.exports = async () => { await new Promise((end) => setTimeout(end, 600000)); };`

func TestSTHIsReadyWhenItSaysSo(t *testing.T) {
	s := newSTHIn(t)
	s.link("scramjet-transform-hub")
	p := s.start("-I", "sth-1", "-desc", "by the sea", "--tags", "a,b", "-K", "-L", "error", "--no-telemetry", "--runner-image", "x")
	p.await("API on 127.0.0.1:")
	if line := p.await("Running!"); !regexp.MustCompile(`^\d{4}-\S+Z INFO  Hub Running! hub=sth-1 `).MatchString(line) {
		t.Errorf("%q", line)
	}
	if status, body := p.get("/version"); status != 200 || !strings.Contains(body, `"@scramjet/host"`) {
		t.Errorf("%d %s", status, body)
	}
	_, body := p.get("/config")
	var config struct {
		Description, RuntimeAdapter, LogLevel string
		Tags                                  []string
		Host                                  struct{ ID, Port string }
	}
	if err := json.Unmarshal([]byte(body), &config); err != nil || config.Description != "by the sea" || len(config.Tags) != 2 ||
		config.Host.ID != "sth-1" || !strings.HasSuffix(p.base, ":"+config.Host.Port+"/api/v1") || config.RuntimeAdapter != "process" {
		t.Errorf("%v: %s", err, body)
	}
	if code := p.end(syscall.SIGTERM); code != int(syscall.SIGTERM) {
		t.Errorf("ended with %d", code)
	}
	if text := p.stderr(); text != "" {
		t.Errorf("on stderr: %s", text)
	}
	if text := strings.Join(p.seen, "\n"); strings.Contains(text, "\x1b") || strings.Contains(text, "without effect") {
		t.Errorf("at level error, without a terminal:\n%s", text)
	}
}

func TestSTHFindsAndStartsSequences(t *testing.T) {
	s := newSTHIn(t)
	s.program("my-seq", `module.exports = async function (input, ...args) { console.log(process.env.PLANT, this.config.n, args.join()); };`)
	s.program("not/deep", sthWaits)
	s.write("elsewhere/package.json", `{"main":"index.js"}`)
	s.write("elsewhere/index.js", sthWaits)
	s.write("seqs/broken/package.json", `{"main":7}`)
	s.write("seqs/leads-out/package.json", `{"main":"index.js"}`)
	s.write("seqs/leads-out/index.js", "")
	for link, target := range map[string]string{"seqs/link": "../elsewhere", "seqs/leads-out/passwd": "/etc/passwd"} {
		if err := os.Symlink(target, filepath.Join(s.dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	s.write("seqs/pipe/index.js", "")
	if err := syscall.Mkfifo(filepath.Join(s.dir, "seqs/pipe/package.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("start.json", `{"sequences":[{"id":"my-seq","appConfig":{"n":7},"args":["a","b"],"instanceId":"00000000-0000-4000-8000-000000000001"},{"id":"nobody"}]}`)

	p := s.start("-E", "-D", "seqs", "-S", "start.json", "-X", "--runner-envs", "PLANT=north")
	p.await("Running!")
	if code := p.end(0); code != 0 {
		t.Errorf("ended with %d", code)
	}
	text := strings.Join(p.seen, "\n")
	for _, want := range []string{"links are not followed folder=seqs/link", "folder=seqs/broken err=\"main: found the number 7",
		"folder=seqs/leads-out err=\"passwd is a link out of the folder", "sequences=1", `hub stopping cause="its work is done"`, "no such Sequence sequence=nobody", "the last Instance has ended"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}

	// Without -E nothing is lost, and with it nothing is doubled or undone.
	p = s.start("-K")
	p.await("Running!")
	if ids := p.ids("/sequences"); fmt.Sprint(ids) != "[my-seq]" {
		t.Errorf("%q", ids)
	}
	if _, body := p.get("/instance/00000000-0000-4000-8000-000000000001/stdout?from=start"); body != "north 7 a,b\n" {
		t.Errorf("the program printed %q", body)
	}
	p.end(syscall.SIGINT)
	for i, change := range []string{"", sthWaits, sthWaits + "//"} {
		if change != "" {
			s.program("my-seq", change)
		}
		p = s.start("-E", "-D", "seqs", "-K")
		p.await("Running!")
		_, body := p.get("/sequence/my-seq")
		var seq struct{ Revision int }
		if err := json.Unmarshal([]byte(body), &seq); err != nil || seq.Revision != i+1 {
			t.Errorf("%v: revision %d, want %d", err, seq.Revision, i+1)
		}
		if code := p.end(syscall.SIGINT); code != int(syscall.SIGINT) {
			t.Errorf("ended with %d", code)
		}
	}
}

func TestSTHSaysWhyAFolderCannotBeRead(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	s := newSTHIn(t)
	s.program("my-seq", sthWaits)
	if err := os.Chmod(filepath.Join(s.dir, "seqs/my-seq/index.js"), 0); err != nil {
		t.Fatal(err)
	}
	s.write("seqs/locked/package.json", "{}")
	locked := filepath.Join(s.dir, "seqs/locked")
	if err := os.Chmod(locked, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(locked, 0o700) })
	p := s.start("-E", "-D", "seqs")
	if line := p.await("seqs/locked"); !strings.Contains(line, "WARN") || !strings.Contains(line, "permission denied") {
		t.Error(line)
	}
	if line := p.await("not identified"); !strings.Contains(line, "index.js: permission denied") || strings.Contains(line, "upload") {
		t.Error(line)
	}
	p.end(syscall.SIGTERM)
}

// Whatever is wrong, sth ends with 1.
func TestSTHEndsWithOne(t *testing.T) {
	s := newSTHIn(t)
	for words, want := range map[string]string{
		"extra": `"extra": sth has options only`, "--nonsense": "unknown flag", "-P abc": `"abc" for "-P, --port" flag: invalid syntax;`,
	} {
		p := s.start(strings.Fields(words)...)
		if code := p.end(0); code != 1 || !strings.Contains(p.stderr(), want) {
			t.Errorf("%s: ended with %d: %s", words, code, p.stderr())
		}
	}
}

func TestSTHWithoutAnInstanceToWaitFor(t *testing.T) {
	s := newSTHIn(t)
	p := s.start("-X")
	p.await("Running!")
	if code := p.end(0); code != 101 {
		t.Errorf("ended with %d", code)
	}
}

// What runs on is there for the next Hub, which does not start it again.
func TestSTHLeavesInstancesRunning(t *testing.T) {
	s := newSTHIn(t)
	s.program("my-seq", sthWaits)
	s.write("start.yaml", "sequences:\n- id: my-seq\n  instanceId: 00000000-0000-4000-8000-000000000001\n")
	args := []string{"-E", "-D", "seqs", "-S", "start.yaml"}
	p := s.start(args...)
	p.await("Running!")
	var before, after struct{ ProcessID int }
	_, body := p.get("/instance/00000000-0000-4000-8000-000000000001/health")
	if err := json.Unmarshal([]byte(body), &before); err != nil {
		t.Fatal(err)
	}
	if code := p.end(syscall.SIGINT); code != 0 || !strings.Contains(strings.Join(p.seen, "\n"), "Instances run on until the Hub is back") {
		t.Errorf("ended with %d:\n%s", code, strings.Join(p.seen, "\n"))
	}
	p = s.start(append(args, "-K")...)
	p.await("runs on")
	p.await("Running!")
	_, body = p.get("/instance/00000000-0000-4000-8000-000000000001/health")
	if err := json.Unmarshal([]byte(body), &after); err != nil || after != before || before.ProcessID == 0 {
		t.Errorf("%v: process %d, before %d", err, after.ProcessID, before.ProcessID)
	}

	// One data dir, one Hub; and who lets everyone in is told so each time.
	out, err := s.command("-H", "0.0.0.0", "-P", "0", "--data-dir", "d").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "in use by another Hub") || !strings.Contains(string(out), "WARN  Hub --hostname 0.0.0.0: everyone who reaches this machine can run programs") {
		t.Errorf("%v: %s", err, out)
	}
	p.end(syscall.SIGTERM)
	if syscall.Kill(before.ProcessID, 0) == nil {
		t.Errorf("process %d runs after --kill-on-exit", before.ProcessID)
	}
}

func TestSTHAnswersProbes(t *testing.T) {
	s := newSTHIn(t)
	p := s.start("-K", "--healtz-port", freePort(t), "--healtz-path", "/live{x}")
	line := p.await("health is answered")
	addr := regexp.MustCompile(`address=(\S+)`).FindStringSubmatch(line)[1]
	p.await("Running!")
	resp, err := http.Get("http://" + addr + "/live%7Bx%7D")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(body) != "ok" || resp.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%d %q %v", resp.StatusCode, body, resp.Header)
	}
	if status, _ := fetch(t, "http://"+addr+"/api/v1/version"); status != 404 {
		t.Errorf("another path: %d", status)
	}
	p.end(syscall.SIGTERM)

	s.write("sth.json", `{"instanceRequirements":{"freeMem":1000000000},"monitorgingServer":{"port":`+freePort(t)+`}}`)
	p = s.start("-K", "-c", "sth.json")
	addr = regexp.MustCompile(`address=(\S+) path=/healtz`).FindStringSubmatch(p.await("health is answered"))[1]
	p.await("Running!")
	if status, body := fetch(t, "http://"+addr+"/healtz"); status != 500 || body != "" {
		t.Errorf("on a machine without room: %d %q", status, body)
	}
	p.end(syscall.SIGTERM)
}

// A Hub whose log nobody reads any more goes on.
func TestSTHOutlivesTheReaderOfItsLog(t *testing.T) {
	s := newSTHIn(t)
	s.program("my-seq", sthWaits)
	p := s.start("-K", "-E", "-D", "seqs")
	p.await("Running!")
	if err := p.out.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		resp, err := http.Post(p.base+"/sequence/my-seq/start", "application/json", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("start: %d", resp.StatusCode)
		}
	}
	if code := p.end(syscall.SIGTERM); code != int(syscall.SIGTERM) {
		t.Errorf("ended with %d", code)
	}
}

// freePort is one that nobody listened on just now.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
