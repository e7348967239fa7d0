package project_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"waverider"
	"waverider/client"
	"waverider/project"
)

func write(t *testing.T, p project.Project) []string {
	t.Helper()
	files, err := project.Write(p)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// each calls f for every template and kind there is.
func each(t *testing.T, f func(t *testing.T, p project.Project)) {
	for _, template := range project.Templates {
		for _, kind := range project.Kinds {
			t.Run(template+" "+kind, func(t *testing.T) {
				f(t, project.Project{Dir: filepath.Join(t.TempDir(), "new", "folder"), Name: "my-name", Template: template, Kind: kind, Types: "// types\n"})
			})
		}
	}
}

var blank = regexp.MustCompile("__[A-Z]+__")

func TestProjectsAreWhole(t *testing.T) {
	each(t, func(t *testing.T, p project.Project) {
		files := write(t, p)
		wanted, engine := []string{"package.json", "README.md", ".waveriderignore", ".gitignore"}, "python3"
		if p.Template != "py" {
			wanted, engine = append(wanted, "types/waverider.d.ts"), "node"
		}
		for _, want := range wanted {
			if !slices.Contains(files, want) {
				t.Errorf("%s is missing in %q", want, files)
			}
		}
		for _, name := range files {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil || len(text) == 0 {
				t.Errorf("%s: %v", name, err)
			}
			if blank.Match(text) {
				t.Errorf("%s has a blank that was not filled:\n%s", name, text)
			}
		}
		text, err := os.ReadFile(filepath.Join(p.Dir, "package.json"))
		if err != nil {
			t.Fatal(err)
		}
		m, err := waverider.ParseManifest(text)
		if err != nil || m.Name != "my-name" || m.Engines[engine] == "" || m.Waverider.Restart != waverider.RestartOnFailure {
			t.Errorf("manifest %+v, %v", m, err)
		}
	})
}

func TestJavaScriptProjectsPassTheirTestsAndPack(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	each(t, func(t *testing.T, p project.Project) {
		if p.Template != "js" {
			t.Skip("needs an installation: e2e does it")
		}
		write(t, p)
		cmd := exec.Command("node", "--test")
		cmd.Dir = p.Dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "pass 2") {
			t.Errorf("%v\n%s", err, out)
		}
		packed, err := client.Pack(t.Context(), p.Dir, discard{}, client.PackOptions{})
		if err != nil || packed.Files != 2 {
			t.Errorf("the package has %d files, %v; it needs package.json and index.js", packed.Files, err)
		}
	})
}

func TestPythonProjectsPassTheirTestsAndPack(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("python3 is not installed")
	}
	each(t, func(t *testing.T, p project.Project) {
		if p.Template != "py" {
			t.Skip("no Python")
		}
		write(t, p)
		cmd := exec.Command("python3", "-m", "unittest")
		cmd.Dir = p.Dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Ran 2 tests") {
			t.Errorf("%v\n%s", err, out)
		}
		packed, err := client.Pack(t.Context(), p.Dir, discard{}, client.PackOptions{})
		if err != nil || packed.Files != 2 {
			t.Errorf("the package has %d files, %v; it needs package.json and main.py", packed.Files, err)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestNothingIsOverwritten(t *testing.T) {
	p := project.Project{Dir: t.TempDir(), Name: "x", Template: "js", Kind: "generator"}
	mine := filepath.Join(p.Dir, "README.md")
	if err := os.WriteFile(mine, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := project.Write(p)
	if waverider.KindOf(err) != waverider.Conflict || !strings.Contains(err.Error(), "README.md") {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(p.Dir)
	if err != nil || len(left) != 1 {
		t.Errorf("files were written beside it: %v, %v", left, err)
	}
	if text, _ := os.ReadFile(mine); string(text) != "mine" {
		t.Errorf("it was overwritten with %q", text)
	}
}

func TestDanglingLinkIsInTheWayToo(t *testing.T) {
	p := project.Project{Dir: t.TempDir(), Name: "x", Template: "js", Kind: "generator"}
	outside := filepath.Join(t.TempDir(), "victim")
	if err := os.Symlink(outside, filepath.Join(p.Dir, "index.js")); err != nil {
		t.Fatal(err)
	}
	if _, err := project.Write(p); waverider.KindOf(err) != waverider.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestBadChoicesAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		p    project.Project
		want string
	}{
		"name":     {project.Project{Name: "My Name", Template: "js", Kind: "generator"}, `name "My Name"`},
		"no name":  {project.Project{Template: "js", Kind: "generator"}, `name ""`},
		"template": {project.Project{Name: "x", Template: "cobol", Kind: "generator"}, "there are js, ts, py"},
		"kind":     {project.Project{Name: "x", Template: "js", Kind: "joker"}, "transformer, generator, consumer"},
	} {
		c.p.Dir = filepath.Join(t.TempDir(), "never")
		if _, err := project.Write(c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(c.p.Dir); err == nil {
			t.Errorf("%s: the folder was made", name)
		}
	}
}

func TestNameOfFolder(t *testing.T) {
	for dir, want := range map[string]string{"/x/My Program": "my-program", "/x/a_b.c": "a_b.c", "/x/.hidden": "hidden", "/x/___": "", "/": ""} {
		if got := project.NameOf(dir); got != want {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}
