package e2e_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What `waverider init` writes passes its own test and runs on a Hub.
func TestNewProjectsRun(t *testing.T) {
	if _, err := exec.LookPath("npm"); err != nil {
		t.Skip("npm is not installed")
	}
	dir := workingFolder(t)
	hub := &shell{dir: dir, env: []string{"WAVERIDER_LISTEN=127.0.0.1:0", "WAVERIDER_DATA_DIR=" + t.TempDir()}}
	url := hub.start(t, "bin/waverider hub")
	cases := []struct{ template, kind, use, want string }{
		{"js", "transformer", `echo '{"celsius":100}' | waverider inst input - --type application/x-ndjson && waverider inst output -`, `"fahrenheit":212`},
		{"js", "generator", `waverider inst output - | head -n 1`, `{"n":1,`},
		{"js", "consumer", `echo '{"value":20}' | waverider inst input - --type application/x-ndjson && waverider inst attach - && waverider inst logs -`, `{"records":1,"sum":20}`},
		{"ts", "transformer", `echo '{"celsius":100}' | waverider inst input - --type application/x-ndjson && waverider inst output -`, `"fahrenheit":212`},
		{"ts", "generator", `waverider inst output - | head -n 1`, `{"n":1,`},
		{"ts", "consumer", `echo '{"value":20}' | waverider inst input - --type application/x-ndjson && waverider inst attach - && waverider inst logs -`, `{"records":1,"sum":20}`},
		{"py", "transformer", `echo '{"celsius":100}' | waverider inst input - --type application/x-ndjson && waverider inst output -`, `"fahrenheit":212`},
		{"py", "generator", `waverider inst output - | head -n 1`, `{"n":1,`},
		{"py", "consumer", `echo '{"value":20}' | waverider inst input - --type application/x-ndjson && waverider inst attach - && waverider inst logs -`, `{"records": 1, "sum": 20}`},
	}
	for _, c := range cases {
		t.Run(c.template+" "+c.kind, func(t *testing.T) {
			user := &shell{dir: t.TempDir(), env: []string{"WAVERIDER_URL=" + url, "XDG_STATE_HOME=" + t.TempDir()}}
			call := "waverider() { " + filepath.Join(dir, "bin", "waverider") + ` "$@"; }` + "\n"
			user.run(t, call+"waverider init mine --template "+c.template+" --kind "+c.kind)
			if c.template == "ts" {
				install(t, filepath.Join(user.dir, "mine"), "install")
			}
			test, passed := "npm test", "pass 2"
			if c.template == "py" {
				if _, err := exec.LookPath("python3"); err != nil {
					t.Skip("python3 is not installed")
				}
				test, passed = "python3 -m unittest 2>&1", "Ran 2 tests"
			}
			out := user.run(t, call+"cd mine\n"+test+"\nwaverider seq deploy .\n")
			if !strings.Contains(out, passed) {
				t.Errorf("its own test:\n%s", out)
			}
			// head ends the reading of a program that never does.
			out = user.run(t, call+"set +o pipefail\n"+c.use)
			if !strings.Contains(out, c.want) {
				t.Errorf("got %q, want %q", out, c.want)
			}
			user.run(t, call+"waverider seq delete -f -")
		})
	}
}

// install fetches what a project needs, by npm install or npm ci. Without a
// network there is no test.
func install(t *testing.T, dir, how string) {
	t.Helper()
	cmd := exec.Command("npm", how, "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err == nil {
		return
	}
	for _, code := range []string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ENETUNREACH", "ETIMEDOUT"} {
		if strings.Contains(string(out), code) {
			t.Skipf("the npm registry cannot be reached: %s", code)
		}
	}
	t.Fatalf("%v\n%s", err, out)
}
