package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readme is README.md, which a newcomer follows word for word. So does this test.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is the text below a heading, up to the next of its kind.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, "\n## "+heading+"\n")
	if !ok {
		t.Fatalf("README.md has no section %q", heading)
	}
	part, _, _ := strings.Cut(rest, "\n## ")
	return part
}

var (
	fileBlock  = regexp.MustCompile("(?s)\n`([^`\n]+)`\n\n```[a-z]+\n(.*?)```")
	shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)```")
	promise    = regexp.MustCompile("last command prints `([^`]+)`")
	link       = regexp.MustCompile(`\]\(([^)#]+)\)`)
)

func TestFirstSequenceOfTheReadme(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	text := section(t, readme(t), "Write your first Sequence")
	dir := workingFolder(t)
	files := fileBlock.FindAllStringSubmatch(text, -1)
	if len(files) != 2 {
		t.Fatalf("%d files with their contents, want package.json and the program", len(files))
	}
	for _, f := range files {
		writeFile(t, filepath.Join(dir, f[1]), f[2])
	}
	blocks := shellBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of commands, want one for the Hub and one for the rest", len(blocks))
	}
	hub := &shell{dir: dir, env: []string{"WAVERIDER_LISTEN=127.0.0.1:0", "WAVERIDER_DATA_DIR=" + t.TempDir()}}
	url := hub.start(t, blocks[0][1])
	user := &shell{dir: dir, env: []string{"WAVERIDER_URL=" + url, "XDG_STATE_HOME=" + t.TempDir()}}
	keepsPromise(t, user, blocks[1][1], text)

	text = section(t, readme(t), "Join programs by Topics")
	blocks = shellBlock.FindAllStringSubmatch(text, -1)
	if len(blocks) != 1 {
		t.Fatalf("%d blocks of commands on Topics, want one", len(blocks))
	}
	keepsPromise(t, user, blocks[0][1], text)
	user.run(t, "bin/waverider topic info words")
}

// keepsPromise runs commands, the last of which prints what text says it does.
func keepsPromise(t *testing.T, user *shell, commands, text string) {
	t.Helper()
	out := strings.Split(strings.TrimSpace(user.run(t, commands)), "\n")
	want := promise.FindStringSubmatch(text)
	if want == nil {
		t.Fatal("it does not say what the last command prints")
	}
	if got := out[len(out)-1]; got != want[1] {
		t.Errorf("the last command printed %q, README.md says %q", got, want[1])
	}
}

// workingFolder has the program where `make build` puts it.
func workingFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(binary, filepath.Join(dir, "bin", "waverider")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every page and folder that is pointed to must be there, and every make
// target that is told to be run.
func TestReadmePointsToWhatThereIs(t *testing.T) {
	text := readme(t)
	for _, l := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(l[1], "://") {
			continue
		}
		if _, err := os.Stat(filepath.Join("..", l[1])); err != nil {
			t.Errorf("link: %v", err)
		}
	}
	makefile, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	targets := regexp.MustCompile("(?:`|\n)make ([a-z]+)").FindAllStringSubmatch(text, -1)
	if len(targets) < 2 {
		t.Errorf("it names %d make targets", len(targets))
	}
	for _, m := range targets {
		if !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("make %s: there is no such target", m[1])
		}
	}
}
