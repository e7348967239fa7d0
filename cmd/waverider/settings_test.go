package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// read loads settings of words, variables and the text of a file.
func read(t *testing.T, words []string, env map[string]string, name, text string) (*hubConfig, *settings, error) {
	t.Helper()
	if text != "" {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		words = append(words, "--config", path)
	}
	var c hubConfig
	flags := pflag.NewFlagSet("hub", pflag.ContinueOnError)
	c.register(flags)
	if err := flags.Parse(words); err != nil {
		return nil, nil, err
	}
	s, err := load(flags, func(name string) (string, bool) { v, ok := env[name]; return v, ok })
	return &c, s, err
}

func TestFlagsComeBeforeEnvironmentBeforeFile(t *testing.T) {
	file := "# a Hub\nlisten: 127.0.0.1:3\nname: from the file\nmax-ended: 7\ncors: [https://a.example, https://b.example]\norphan-after: 90m\nkill-on-exit: true\n"
	env := map[string]string{"WAVERIDER_LISTEN": "127.0.0.1:2", "WAVERIDER_NAME": "from the environment", "WAVERIDER_HOST": "x.example, y.example"}
	c, s, err := read(t, []string{"--listen", "127.0.0.1:1"}, env, "hub.yaml", file)
	if err != nil {
		t.Fatal(err)
	}
	if c.Listen != "127.0.0.1:1" || c.Name != "from the environment" || c.MaxEnded != 7 || c.Orphan != 90*time.Minute || !c.KillOnExit {
		t.Errorf("%+v", c)
	}
	if !slices.Equal(c.CORS, []string{"https://a.example", "https://b.example"}) || !slices.Equal(c.Hosts, []string{"x.example", "y.example"}) {
		t.Errorf("lists: %q %q", c.CORS, c.Hosts)
	}
	for name, want := range map[string]string{"listen": "--listen", "name": "WAVERIDER_NAME", "max-ended": "hub.yaml:4", "log-level": "default"} {
		if got := s.sources[name]; !strings.HasSuffix(got, want) {
			t.Errorf("%s came from %q, want %q", name, got, want)
		}
	}
}

func TestJSONFileMayBeIndentedWithTabs(t *testing.T) {
	c, _, err := read(t, nil, nil, "hub.json", "{\n\t\"name\": \"x\",\n\t\"cors\": [\"https://a.example\"],\n\t\"max-ended\": 5\n}\n")
	if err != nil || c.Name != "x" || c.MaxEnded != 5 || len(c.CORS) != 1 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWrongSettingsSayWhere(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		file string
		want string
	}{
		"unknown":          {nil, "name: x\n\nfoo: 1\n", `hub.yaml:3: unknown setting "foo"`},
		"misspelt":         {nil, "lisen: x\n", `did you mean "listen"?`},
		"other case":       {nil, "name: x\ndataDir: x\n", `hub.yaml:2: unknown setting "dataDir"; did you mean "data-dir"?`},
		"twice":            {nil, "name: x\nname: y\n", "hub.yaml:2: name is set twice"},
		"no number":        {nil, "max-ended: many\n", "hub.yaml:1: max-ended: "},
		"no number, unset": {map[string]string{"WAVERIDER_MAX_ENDED": "3"}, "max-ended: many\n", "hub.yaml:1: max-ended: "},
		"no duration":      {nil, "orphan-after: 5\n", "hub.yaml:1: orphan-after: "},
		"a list":           {nil, "name: [a, b]\n", "hub.yaml:1: name: want one value"},
		"nested":           {nil, "name:\n  first: x\n", "hub.yaml:1: name: want a plain value"},
		"null":             {nil, "name:\n", "hub.yaml:1: name: has no value"},
		"config in file":   {nil, "config: other.yaml\n", `unknown setting "config"`},
		"no mapping":       {nil, "- a\n", "hub.yaml:1: want settings"},
		"no YAML":          {nil, "a: [\n", "hub.yaml: line "},
		"environment":      {map[string]string{"WAVERIDER_INSECURE": "perhaps"}, "", "WAVERIDER_INSECURE: insecure: "},
	} {
		_, _, err := read(t, nil, c.env, "hub.yaml", c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, _, err := read(t, []string{"--config", "/does/not/exist"}, nil, "", ""); err == nil {
		t.Error("a file that is not there was no error")
	}
}

func TestFileThatSetsNothingIsFine(t *testing.T) {
	for _, text := range []string{"# nothing yet\n", "---\n", "{}\n"} {
		if _, _, err := read(t, nil, nil, "hub.yaml", text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestShownYAMLIsAFileWithTheSameSettings(t *testing.T) {
	words := []string{"--name", "x: #y", "--cors", "https://a.example,https://b.example", "--id", "007", "--orphan-after", "90m", "--insecure"}
	c, s, err := read(t, words, nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := s.showYAML()
	if err != nil {
		t.Fatal(err)
	}
	again, _, err := read(t, nil, nil, "hub.yaml", string(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	again.File = c.File
	if again.Name != c.Name || again.ID != c.ID || again.Orphan != c.Orphan || !again.Insecure || !slices.Equal(again.CORS, c.CORS) {
		t.Errorf("%+v\n%+v\n%s", c, again, text)
	}
	if !strings.Contains(string(text), "insecure: true  # --insecure\n") {
		t.Errorf("no sources in\n%s", text)
	}
}
