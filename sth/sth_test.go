package sth_test

import (
	"bytes"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"waverider"
	"waverider/sth"
)

// plan is what words and the text of a file come to.
func plan(words []string, name, text string) (*sth.Plan, *sth.Options, error) {
	var o sth.Options
	f := pflag.NewFlagSet("sth", pflag.ContinueOnError)
	o.Register(f)
	if err := f.Parse(words); err != nil {
		return nil, nil, err
	}
	var told []string
	if text != "" {
		var err error
		if told, err = o.ReadFile(f, name, []byte(text)); err != nil {
			return nil, nil, err
		}
	}
	p, err := o.Plan(f)
	if err != nil {
		return nil, nil, err
	}
	p.Warnings = append(told, p.Warnings...)
	return p, &o, nil
}

func TestWithoutOptions(t *testing.T) {
	p, o, err := plan(nil, "", "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"listen": "127.0.0.1:8000", "id": "", "name": "", "log-level": "trace", "kill-on-exit": "false",
		"min-free-disk": "640", "min-free-memory": "256"}
	if !maps.Equal(p.Settings, want) || len(p.Warnings) != 0 || p.Health != nil || p.Limits != (waverider.Limits{}) || o.IdentifyExisting {
		t.Errorf("%+v\n%+v", p, o)
	}
}

func TestOptions(t *testing.T) {
	for words, want := range map[string]string{
		"-P 80":                                 "listen=127.0.0.1:80",
		"--port=0":                              "listen=127.0.0.1:0",
		"-H ::":                                 "listen=[::]:8000",
		"-H [::1]":                              "listen=[::1]:8000",
		"-H 0.0.0.0 -P 1":                       "listen=0.0.0.0:1",
		"-I sth-7":                              "id=sth-7",
		"--custom-name north":                   "name=north",
		"-L ERROR":                              "log-level=error",
		"-L Warn":                               "log-level=warn",
		"-L FATAL":                              "log-level=error",
		"-L whatever":                           "log-level=trace",
		"-K":                                    "kill-on-exit=true",
		"--safe-operation-limit 100":            "min-free-disk=228",
		"--instance-lifetime-extension-delay 0": "instance-lifetime=15s",
		"--instance-lifetime-extension-delay=60000": "instance-lifetime=1m15s",
	} {
		p, _, err := plan(strings.Fields(words), "", "")
		name, value, _ := strings.Cut(want, "=")
		if err != nil || p.Settings[name] != value {
			t.Errorf("%s: %v, %v; want %s", words, p, err, want)
		}
	}
}

func TestWhatIsNoSettingOfAHub(t *testing.T) {
	p, o, err := plan(strings.Fields("-E -X -D root -S start.json --runner-max-mem 100 --runner-envs A=1;B=x=y;C=; --healtz-port 7 --healtz-path /h -H my.host --no-colors --tags a,b --description x"), "", "")
	if err != nil {
		t.Fatal(err)
	}
	if !o.IdentifyExisting || !o.ExitWithLast || o.SequencesRoot != "root" || o.StartupConfig != "start.json" || !o.NoColors {
		t.Errorf("%+v", o)
	}
	if p.Limits.Memory != 100 || !maps.Equal(p.Env, map[string]string{"A": "1", "B": "x=y", "C": ""}) || p.Host != "my.host" {
		t.Errorf("%+v", p)
	}
	if *p.Health != (sth.Health{Addr: "localhost:7", Path: "/h"}) {
		t.Errorf("%+v", p.Health)
	}
	if tags, _ := p.Config["tags"].([]string); !slices.Equal(tags, []string{"a", "b"}) || p.Config["description"] != "x" || p.Config["logColors"] != false {
		t.Errorf("%v", p.Config)
	}
}

func TestRefused(t *testing.T) {
	for words, want := range map[string]string{
		"--tags a,,b":                             "a tag is empty",
		"--tags a,":                               "a tag is empty",
		"-C host:1":                               "CPM_CONFIGURATION_ERROR",
		"--cpm-id x":                              "CPM_CONFIGURATION_ERROR",
		"-C host:1 --platform-api https://x":      "CPM_CONFIGURATION_ERROR",
		"--runner-envs A=1;hunter2":               `runner-envs: variable 2 has no "="`,
		"--runner-envs 1A=hunter2":                "runner-envs: variable 1 has no name",
		"--runner-envs A=1;;B=2":                  `variable 2 has no "="`,
		"--runtime-adapter docker":                "not in containers yet",
		"--runtime-adapter kubernetes":            "not in containers yet",
		"--runtime-adapter podman":                "want process or detect",
		"--no-docker --runtime-adapter detect":    "exclude each other",
		"-P x":                                    "invalid argument",
		"-P 65536":                                "want a port",
		"--safe-operation-limit -1":               "want a number of MB",
		"--runner-max-mem -1":                     "runner-max-mem -1: want",
		"--healtz-path x":                         "healtz-port is missing",
		"--healtz-host x":                         "healtz-port is missing",
		"--instance-lifetime-extension-delay -1":  "want a number of ms",
		"--instance-lifetime-extension-delay 1.5": "invalid argument",
		"--nonsense":                              "unknown flag",
	} {
		_, _, err := plan(strings.Fields(words), "", "")
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", words, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the value is told: %v", words, err)
		}
	}
}

func TestWithoutEffect(t *testing.T) {
	for words, want := range map[string]string{
		"-C host:1 --cpm-id x --cpm-max-reconnections -1":                    "without effect: cpm-url, cpm-id, cpm-max-reconnections; no Space",
		"--platform-api https://x --platform-api-key k --platform-space o:s": "without effect: platform-api, platform-api-key, platform-space; no Space",
		"--isp 8001":                            "without effect: isp; programs reach the Hub over a Unix socket",
		"--instances-server-port 1":             "Unix socket",
		"--runner-image x":                      "not in containers",
		"--k8s-namespace x":                     "not in pods",
		"--debug":                               "node --inspect",
		"--runner-envs HOME=/;A=1":              "HOME is not passed on",
		"--runner-envs INSTANCE_ID=x":           "INSTANCE_ID is not passed on",
		"--runner-envs SEQUENCE_PATH=x":         "SEQUENCE_PATH is not passed on",
		"--runner-envs _WAVERIDER_CHILD=x":      "_WAVERIDER_CHILD is not passed on",
		"-L whatever":                           `"whatever" is not known`,
		"--no-telemetry":                        "",
		"--no-docker":                           "",
		"--environment-name x":                  "",
		"--enable-federation-control":           "",
		"--runtime-adapter process":             "",
		"--no-docker --runtime-adapter process": "",
	} {
		p, _, err := plan(strings.Fields(words), "", "")
		switch {
		case err != nil:
			t.Errorf("%s: %v", words, err)
		case want == "" && len(p.Warnings) > 0, want != "" && (len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], want)):
			t.Errorf("%s: %q, want %q", words, p.Warnings, want)
		}
	}
}

const whole = `
description: north
customName: n
tags: [a, b]
logLevel: WARN
logColors: false
debug: false
identifyExisting: true
sequencesRoot: /seqs
startupConfig: /start.json
exitWithLastInstance: true
safeOperationLimit: 10
runnerEnvs: {A: 1, B: two}
runtimeAdapter: process
host: {hostname: 127.0.0.2, port: "9000", id: sth-1, apiBase: /api/v1, infoFilePath: /tmp/x, instancesServerPort: null}
instanceRequirements: {cpuLoad: 10, freeMem: 20, freeSpace: 30}
timings: {heartBeatInterval: 1, instanceAdapterExitDelay: 2, instanceLifetimeExtensionDelay: 5000}
docker: {runner: {maxMem: 77, exposePortsRange: [1, 2]}}
telemetry: {status: false, adapter: loki, loki: {host: x, labels: {a: b}}}
monitorgingServer: {port: 81, host: 0.0.0.0, path: live}
kubernetes:
`

func TestFile(t *testing.T) {
	p, o, err := plan(nil, "sth.yaml", whole)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"listen": "127.0.0.2:9000", "id": "sth-1", "name": "n", "log-level": "warn",
		"min-free-disk": "40", "min-free-memory": "20", "instance-lifetime": "20s"} {
		if p.Settings[name] != want {
			t.Errorf("%s is %q, want %q", name, p.Settings[name], want)
		}
	}
	if !maps.Equal(p.Env, map[string]string{"A": "1", "B": "two"}) || p.Limits.Memory != 77 || *p.Health != (sth.Health{Addr: "0.0.0.0:81", Path: "/live"}) {
		t.Errorf("%+v", p)
	}
	if !o.IdentifyExisting || !o.ExitWithLast || !o.NoColors || o.SequencesRoot != "/seqs" || o.StartupConfig != "/start.json" || !slices.Equal(o.Tags, []string{"a", "b"}) {
		t.Errorf("%+v", o)
	}
	if len(p.Warnings) != 0 {
		t.Errorf("%q", p.Warnings)
	}
}

func TestOptionsComeBeforeTheFile(t *testing.T) {
	p, o, err := plan(strings.Fields("-P 1 --tags x --runner-envs C=3 --no-docker --no-colors"), "sth.json",
		"{\n\t\"host\": {\"port\": 2, \"id\": \"f\"}, \"tags\": [\"y\"], \"runnerEnvs\": {\"A\": \"1\"}, \"runtimeAdapter\": \"docker\", \"logColors\": true\n}")
	if err != nil {
		t.Fatal(err)
	}
	if p.Settings["listen"] != "127.0.0.1:1" || p.Settings["id"] != "f" || !slices.Equal(o.Tags, []string{"x"}) || !maps.Equal(p.Env, map[string]string{"C": "3"}) || !o.NoColors {
		t.Errorf("%+v %+v", p, o)
	}
}

func TestFilesWithFaults(t *testing.T) {
	for text, want := range map[string]string{
		"host:\n  port: many":          `sth.yaml:2: host.port: found "many", want a whole number`,
		"host: 8000":                   "sth.yaml:1: host: want an object",
		"identifyExisting: perhaps":    "identifyExisting: found \"perhaps\", want true or false",
		"tags: [a, '']":                "sth.yaml:1: tags: a tag is empty",
		"customName: [a]":              "customName: want a plain value",
		"runnerEnvs: {1A: x}":          "runnerEnvs: runner-envs: variable 1 has no name",
		"runtimeAdapter: kubernetes":   "not in containers yet",
		"cpmUrl: host:1":               "CPM_CONFIGURATION_ERROR",
		"monitorgingServer: {path: x}": "healtz-port is missing",
		"a: [":                         "sth.yaml: line 1",
		"- a":                          "sth.yaml:1: want an object",
	} {
		if _, _, err := plan(nil, "sth.yaml", text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	if _, _, err := plan(nil, "sth.toml", "a"); err == nil || !strings.Contains(err.Error(), "want a file named .json") {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{
		"customname: x":                   `sth.yaml:1: unknown setting "customname" is ignored; did you mean "customName"?`,
		"host:\n  nonsense: 1\n":          `sth.yaml:2: unknown setting "host.nonsense" is ignored`,
		"monitoringServer: {port: 1}":     `did you mean "monitorgingServer"?`,
		"sequences-root: x":               `did you mean "sequencesRoot"?`,
		"host:\n  instancesServerPort: 1": "Unix socket",
	} {
		if p, _, err := plan(nil, "sth.yaml", text); err != nil || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], want) {
			t.Errorf("%q: %+v, %v, want %q", text, p, err, want)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	p, _, err := plan(nil, "sth.yaml", "platform: {api: https://x, apiKey: hunter2}\nrunnerEnvs: {KEY: hunter2}\nsequencesRoot: /hunter2\n")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "config", p.Config, "warnings", p.Warnings)
	if strings.Contains(b.String(), "hunter2") || !strings.Contains(b.String(), "https://x") {
		t.Error(b.String())
	}
}

func TestStartup(t *testing.T) {
	list, err := sth.ParseStartup("s.json", []byte(`{"sequences":[{"id":"a"},{"id":"b","appConfig":{"x":1},"args":["1"],"instanceId":"00000000-0000-0000-0000-000000000001"}],"else":1}`))
	if err != nil || len(list) != 2 || list[0].Sequence != "a" || string(list[1].Request.Args) != `["1"]` || string(list[1].Request.AppConfig) != `{"x":1}` || len(list[1].Request.InstanceID) != 36 {
		t.Errorf("%+v, %v", list, err)
	}
	list, err = sth.ParseStartup("s.yml", []byte("sequences:\n- id: a\n  args: [x]\n  appConfig: {deep: {n: 1}}\n"))
	if err != nil || len(list) != 1 || string(list[0].Request.AppConfig) != `{"deep":{"n":1}}` {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err = sth.ParseStartup("s.yml", []byte("sequences:\n- id: a\n  appConfig: {1: x}\n")); err == nil || !strings.Contains(err.Error(), "want keys that are texts") {
		t.Errorf("%v", err)
	}
	for text, want := range map[string]string{
		`{`:                        "not valid JSON in line 1: unexpected end",
		"{\n\"sequences\": [,]}":   "not valid JSON in line 2: invalid character ','",
		`{"sequences":[]} x`:       "not valid JSON in line 1: invalid character 'x'",
		`{}`:                       "want {",
		`{"sequences":{}}`:         "want {",
		`{"sequences":["a"]}`:      "sequences[0]: want an object",
		`{"sequences":[{}]}`:       "sequences[0]: id:",
		`{"sequences":[{"id":1}]}`: "id:",
		`{"sequences":[{"id":"a"},{"id":"b","outputTopic":"t"}]}`: `sequences[1]: unknown key "outputTopic"`,
		`{"sequences":[{"id":"a","args":[1]}]}`:                   "args[0]: want a string",
		`{"sequences":[{"id":"a","args":"x"}]}`:                   "args: want an array",
		`{"sequences":[{"id":"a","appConfig":[]}]}`:               "appConfig: want an object",
		`{"sequences":[{"id":"a","instanceId":"short"}]}`:         "instanceId: want 36",
		`{"sequences":[{"id":"a","instanceId":7}]}`:               "instanceId: want",
	} {
		_, err := sth.ParseStartup("s.json", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SEQUENCE_STARTUP_CONFIG_READ_ERROR: s.json: ") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestWords(t *testing.T) {
	for argv, want := range map[string]string{
		"waverider":                                "",
		"waverider hub -desc":                      "hub -desc",
		"/bin/waverider sth -desc x -P 1":          "sth --description x -P 1",
		"waverider scramjet-transform-hub -desc=x": "scramjet-transform-hub --description=x",
		"/usr/bin/sth -desc x":                     "sth --description x",
		"sth":                                      "sth",
		"scramjet-transform-hub -P 1":              "sth -P 1",
		"sth -- -desc":                             "sth -- -desc",
		"sth __complete --po":                      "__complete sth --po",
		"waverider __complete sth --po":            "__complete sth --po",
	} {
		if got := strings.Join(sth.Words(strings.Fields(argv)), " "); got != want {
			t.Errorf("%s: %q, want %q", argv, got, want)
		}
	}
}

func TestLines(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(sth.NewLines(&b, slog.LevelInfo, false)).With("hub", "h 1")
	log.Debug("not shown")
	log.Info("Running!", "took", 2*time.Second, "empty", "")
	log.Error("two\nlines", "err", os.ErrNotExist, "c1", "\u009b2J")
	want := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO  Hub Running! hub="h 1" took=2s empty=""
\S+ ERROR Hub "two\\nlines" hub="h 1" err="file does not exist" c1="\\u009b2J"
$`)
	if !want.MatchString(b.String()) {
		t.Errorf("%s", b.String())
	}
}

// Every option of sth is in the table of the page that people coming from there
// read, and nothing else is.
func TestEveryOptionIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/from-scramjet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| option | in the file | here |")
	if !found {
		t.Fatal("no table of options")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var documented, options []string
	for _, m := range regexp.MustCompile("--([a-z][a-z0-9-]+)").FindAllStringSubmatch(table, -1) {
		documented = append(documented, m[1])
	}
	var o sth.Options
	f := pflag.NewFlagSet("sth", pflag.ContinueOnError)
	o.Register(f)
	f.VisitAll(func(flag *pflag.Flag) { options = append(options, flag.Name) })
	for _, name := range options {
		if !slices.Contains(documented, name) {
			t.Errorf("--%s is not in docs/from-scramjet.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(options, name) {
			t.Errorf("docs/from-scramjet.md has --%s, which is no option", name)
		}
	}
}
