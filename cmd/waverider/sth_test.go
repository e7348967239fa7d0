package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"waverider/sth"
)

// planSTH is what a command line comes to, with the flags as the command has them.
func planSTH(t *testing.T, words ...string) (*sthRun, error) {
	t.Helper()
	var o sth.Options
	var c hubConfig
	own, f := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("sth", pflag.ContinueOnError)
	c.register(own)
	o.Register(f)
	for _, name := range hubFlags {
		f.AddFlag(own.Lookup(name))
	}
	if err := f.Parse(words); err != nil {
		t.Fatal(err)
	}
	return newSTH(f, &o, &c, own)
}

func TestSTHAnswersThisMachineUnlessToldOtherwise(t *testing.T) {
	r, err := planSTH(t)
	if err != nil || r.cfg.Listen != "127.0.0.1:8000" || r.cfg.Insecure || r.cfg.NoToken || r.exposed != "" || len(r.warnings) != 0 {
		t.Errorf("%+v %q %q, %v", r.cfg, r.exposed, r.warnings, err)
	}
	for words, c := range map[string]struct {
		insecure, noToken bool
		warns             []string
	}{
		"-H ::":                               {true, true, []string{"--hostname ::: everyone", "can run programs", "add --token-file FILE --tls-cert FILE --tls-key FILE"}},
		"-H :: --token-file t":                {true, false, []string{"all that goes over the network can be read", "add --tls-cert"}},
		"-H 0.0.0.0 --tls-cert c --tls-key k": {false, true, []string{"everyone who reaches", "add --token-file FILE"}},
		"-H :: --tls-cert c --tls-key k --token-file t": {false, false, nil},
		"-H localhost": {false, false, nil},
		"-H ::1":       {false, false, nil},
	} {
		r, err := planSTH(t, strings.Fields(words)...)
		if err != nil || r.cfg.Insecure != c.insecure || r.cfg.NoToken != c.noToken || (r.exposed == "") != (c.warns == nil) {
			t.Errorf("%s: %+v %q, %v", words, r.cfg, r.exposed, err)
			continue
		}
		for _, w := range c.warns {
			if !strings.Contains(r.exposed, w) {
				t.Errorf("%s: %q has no %q", words, r.exposed, w)
			}
		}
	}
	r, err = planSTH(t, "-H", "hub.example.org")
	if err != nil || !slices.Contains(r.cfg.Hosts, "hub.example.org") {
		t.Errorf("%+v, %v", r.cfg, err)
	}
}

// At level error it is said too. The address is of nobody, so that none is opened.
func TestSTHSaysAtEachLevelThatOthersGetIn(t *testing.T) {
	r, err := planSTH(t, "-H", "192.0.2.1", "-L", "error", "--data-dir", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if err := r.run(t.Context(), &log); err == nil || !strings.Contains(log.String(), "WARN  Hub --hostname 192.0.2.1: everyone who reaches") {
		t.Errorf("%v: %s", err, log.String())
	}
}

func TestSTHBecomesSettingsOfAHub(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.json")
	if err := os.WriteFile(file, []byte(`{"host":{"id":"from-file","port":1},"timings":{"instanceLifetimeExtensionDelay":45000}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := planSTH(t, "-c", file, "-P", "2", "-L", "WARN", "-K", "--custom-name", "n", "--safe-operation-limit", "1", "--data-dir", "d")
	if err != nil {
		t.Fatal(err)
	}
	c := r.cfg
	if c.ID != "from-file" || c.Listen != "127.0.0.1:2" || c.Lifetime.String() != "1m0s" || c.LogLevel != "warn" || !c.KillOnExit ||
		c.Name != "n" || c.FreeDisk != 129 || c.FreeMemory != 256 || c.DataDir != "d" || c.File != "" {
		t.Errorf("%+v", c)
	}
}

func TestSTHRefusesBeforeItBegins(t *testing.T) {
	for words, want := range map[string]string{
		"-I a/b":                   `id "a/b": want up to 64`,
		"-S /nowhere.json":         "SEQUENCE_STARTUP_CONFIG_READ_ERROR",
		"-c /nowhere.json":         "read configuration",
		"-H a/b":                   "want HOST:PORT",
		"-H :: --tls-cert c":       "both --tls-cert and --tls-key",
		"--runtime-adapter docker": "not in containers yet",
		"--cors *":                 "name the origins",
	} {
		if _, err := planSTH(t, strings.Fields(words)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", words, err, want)
		}
	}
}

func TestSTHHasItsOwnDataDir(t *testing.T) {
	if a, b := sthDataDir(), defaultDataDir(); a == b || filepath.Dir(a) != filepath.Dir(b) {
		t.Errorf("%s, %s", a, b)
	}
}

func TestMergeConfig(t *testing.T) {
	got := mergeConfig(map[string]any{"host": map[string]any{"port": 0, "instancesServerPort": 1}, "tags": "t"},
		map[string]any{"host": map[string]any{"port": "81"}, "customName": "n"})
	host := got["host"].(map[string]any)
	if host["port"] != "81" || host["instancesServerPort"] != 1 || got["tags"] != "t" || got["customName"] != "n" {
		t.Errorf("%v", got)
	}
}
