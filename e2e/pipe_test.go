package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// `| head` leaves before what it reads from has ended.
func TestCommandsThatRunProgramsEndWithTheirReader(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	dir := workingFolder(t)
	temp, err := os.MkdirTemp("", "w") // short, as the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	writeFile(t, filepath.Join(dir, "count", "package.json"), `{"name": "count", "version": "1.0.0", "main": "index.js"}`)
	writeFile(t, filepath.Join(dir, "count", "index.js"),
		"module.exports = async function* () { for (let n = 0; ; n++) { yield n; await new Promise((go) => setTimeout(go, 10)); } };")
	hub := &shell{dir: dir, env: []string{"WAVERIDER_LISTEN=127.0.0.1:0", "WAVERIDER_DATA_DIR=" + t.TempDir()}}
	url := hub.start(t, "bin/waverider hub")
	user := &shell{dir: dir, env: []string{"WAVERIDER_URL=" + url, "XDG_STATE_HOME=" + t.TempDir(), "TMPDIR=" + temp}}

	user.run(t, "bin/waverider dev count | head -n 3")
	if left := user.run(t, "bin/waverider seq list -o name; bin/waverider inst list -o name"); left != "" {
		t.Errorf("dev left on the Hub:\n%s", left)
	}
	if out := user.run(t, "bin/waverider demo | head -n 12"); !strings.Contains(out, "CPU") {
		t.Errorf("the demo showed:\n%s", out)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v, %v", left, err)
	}
}
