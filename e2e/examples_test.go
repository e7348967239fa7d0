package e2e_test

import (
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"waverider/internal/testhub"
)

// example is a folder of examples/ beside a Hub of its own.
type example struct {
	dir  string
	text string // of its README, with addresses and files of this test
	hub  *testhub.Hub
	user *shell
}

// beyond are tests of what an example's README claims besides what it prints.
var beyond = map[string]func(*testing.T, *example){
	"tumbling-windows": windowsOutliveKills,
	"sqlite-totals":    totalsOutliveKills,
	"conductor":        workersGoWithTheirConductor,
	"threshold-alert":  alertsOutliveKills,
	"sensor-report":    reportsOutliveKills,
	"file-to-ndjson":   linesOutliveKills,
	"webhook":          sendsOutliveKills,
	"http-poll":        pollsByETag,
}

// Each example does what its README says, word for word.
func TestExamples(t *testing.T) {
	for _, need := range []string{"node", "npm", "python3"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("%s is not installed", need)
		}
	}
	tree := copyExamples(t)
	var mu sync.Mutex
	installed := false
	tools := func(t *testing.T) {
		mu.Lock()
		defer mu.Unlock()
		if !installed {
			install(t, tree, "ci")
			installed = true
		}
	}
	folders, err := os.ReadDir(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		t.Run(folder.Name(), func(t *testing.T) {
			t.Parallel()
			e := openExample(t, filepath.Join(tree, folder.Name()))
			e.followReadme(t, tools)
			if more := beyond[folder.Name()]; more != nil {
				more(t, e)
			}
		})
	}
}

// copyExamples copies what is kept of the examples, with the types that those
// in TypeScript refer to, so that nothing is built among the sources.
func copyExamples(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(filepath.Join(root, "runner"), filepath.Join(dir, "runner")); err != nil {
		t.Fatal(err)
	}
	from, to := filepath.Join(root, "examples"), filepath.Join(dir, "examples")
	err = filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains([]string{"node_modules", "dist", "__pycache__"}, entry.Name()) {
			return fs.SkipDir
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		if entry.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func openExample(t *testing.T, dir string) *example {
	t.Helper()
	hub, err := testhub.Open(t.Context(), testhub.Options{Binary: binary, Listen: "127.0.0.1:" + freePort(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the Hub said:\n%s", hub.LogTail(30))
		}
		if err := hub.Close(); err != nil {
			t.Errorf("end of the Hub: %v", err)
		}
	})
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	e := &example{dir: dir, hub: hub, text: strings.ReplaceAll(string(text), "/tmp/", t.TempDir()+"/")}
	e.user = &shell{dir: dir, env: []string{
		"WAVERIDER_URL=http://" + hub.Addr(), "XDG_STATE_HOME=" + t.TempDir(),
		"PATH=" + filepath.Dir(binary) + string(os.PathListSeparator) + os.Getenv("PATH"),
	}}
	return e
}

const installLine = "(cd .. && npm ci)\n"

var (
	fenced = regexp.MustCompile("(?s)```([a-z]*)\n(.*?)```")
	server = regexp.MustCompile(`^(node receiver\.js|python3 -m http\.server) 9000`)
)

// followReadme runs the commands of a README. Below those of each block stands
// what the last one prints; a block that starts a server has nothing below.
// tools does what installLine says, once for all.
func (e *example) followReadme(t *testing.T, tools func(*testing.T)) {
	t.Helper()
	blocks := fenced.FindAllStringSubmatch(e.text, -1)
	port := freePort(t)
	local := strings.NewReplacer("127.0.0.1:9000", "127.0.0.1:"+port, " 9000", " "+port)
	e.useFiles(t, local)
	shown := 0
	for i := 0; i < len(blocks); i++ {
		language, script := blocks[i][1], blocks[i][2]
		if language == "sh" && server.MatchString(script) {
			e.serve(t, local.Replace(script), port)
			continue
		}
		if language != "sh" || i+1 == len(blocks) || blocks[i+1][1] != "text" {
			t.Fatalf("no commands with what the last one prints, nor a server:\n%s", script)
		}
		i++
		if rest, found := strings.CutPrefix(script, installLine); found {
			tools(t)
			script = rest
		}
		before, last := lastCommand(local.Replace(script))
		e.user.run(t, before)
		if got, want := e.user.run(t, last), local.Replace(blocks[i][2]); got != want {
			t.Errorf("%sprinted\n%s\nREADME.md says\n%s", last, got, want)
		}
		shown++
	}
	if shown == 0 {
		t.Error("README.md does not show what is printed")
	}
}

// useFiles puts the address of this test into files that name one.
func (e *example) useFiles(t *testing.T, local *strings.Replacer) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(e.dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, name, local.Replace(string(text)))
	}
}

// lastCommand splits off the last command of a script, which may go over
// several lines.
func lastCommand(script string) (before, last string) {
	lines := strings.SplitAfter(strings.TrimSuffix(script, "\n"), "\n")
	at := len(lines) - 1
	for at > 0 && (lines[at][0] == ' ' || strings.HasSuffix(lines[at-1], "\\\n")) {
		at--
	}
	return strings.Join(lines[:at], ""), strings.Join(lines[at:], "") + "\n"
}

// serve runs a server of a README until the test ends, and returns once it
// takes connections.
func (e *example) serve(t *testing.T, script, port string) {
	t.Helper()
	cmd := e.user.command("exec " + script)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // by that signal
	})
	eventuallyTrue(t, "a server at port "+port, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

func eventuallyTrue(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for tick := time.NewTicker(5 * time.Millisecond); !ok(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}
