package waverider_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"waverider"
)

func parse(t *testing.T, text string) waverider.Manifest {
	t.Helper()
	m, err := waverider.ParseManifest([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestParseManifestReadsEveryField(t *testing.T) {
	m := parse(t, "\ufeff"+`{
		"name": "@scope/demo", "version": "1.2.3", "main": "./index", "description": "d", "author": "A <a@x>",
		"keywords": ["a", "b"], "repository": {"type": "git", "url": "https://x", "directory": "sub"},
		"engines": {"node": ">=18", "npm": "10"}, "type": "module", "args": [1, "two", {"three": [null]}, null],
		"scramjet": {"image": "ignored", "config": {"ports": ["8080/tcp", "53000/udp"]}},
		"waverider": {"ack": "save", "readAhead": 8, "restart": "on-failure", "limits": {"memory": 64, "cpu": 0.5, "pids": 10, "files": 99},
			"sandbox": {"network": true, "read": ["/data//in/"], "write": []}},
		"dependencies": {"scramjet": "4"}, "scripts": {"test": "x"}, "Main": "other.js"
	}`)
	want := waverider.Manifest{
		Name: "@scope/demo", Version: "1.2.3", Main: "./index", Description: "d", Author: "A <a@x>",
		Keywords:   []string{"a", "b"},
		Repository: json.RawMessage(`{"type":"git","url":"https://x","directory":"sub"}`),
		Engines:    map[string]string{"node": ">=18", "npm": "10"},
		Type:       "module",
		Args: []json.RawMessage{
			json.RawMessage("1"), json.RawMessage(`"two"`), json.RawMessage(`{"three":[null]}`), json.RawMessage("null"),
		},
		Waverider: waverider.Settings{
			Ack: waverider.AckSave, ReadAhead: 8, Restart: waverider.RestartOnFailure,
			Limits:  waverider.Limits{Memory: 64, CPU: 0.5, PIDs: 10, Files: 99},
			Sandbox: &waverider.Sandbox{Network: true, Read: []string{"/data/in"}, Write: []string{}},
		},
	}
	want.Scramjet.Config.Ports = []string{"8080/tcp", "53000/udp"}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
	roundTrip(t, m)
}

// roundTrip checks that a Manifest survives being stored and sent.
func roundTrip(t *testing.T, m waverider.Manifest) {
	t.Helper()
	data, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var stored waverider.Manifest
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	sent, err := waverider.ParseManifest(data)
	if err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	for how, got := range map[string]waverider.Manifest{"stored": stored, "sent": sent} {
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(data) {
			t.Errorf("%s it became %s, %v\nfrom %s", how, again, err, data)
		}
	}
}

func TestNullCountsAsAbsent(t *testing.T) {
	m := parse(t, `{"main": "a.js", "name": null, "version": null, "description": null, "author": null, "keywords": null,
		"repository": null, "engines": null, "type": null, "args": null, "scramjet": null,
		"waverider": {"ack": null, "restart": null, "limits": {"memory": null}, "sandbox": null}}`)
	if want := (waverider.Manifest{Main: "a.js"}); !reflect.DeepEqual(m, want) {
		t.Errorf("got %+v", m)
	}
	m = parse(t, `{"main": "a.js", "scramjet": {"config": null}, "waverider": {"sandbox": {"read": null, "network": null}}}`)
	if m.Waverider.Sandbox == nil || m.Waverider.Sandbox.Read != nil {
		t.Errorf("got %+v", m)
	}
}

func TestAuthorAsNpmWritesIt(t *testing.T) {
	for author, want := range map[string]string{
		`"A"`: "A", `{"name": "A", "email": "a@x", "url": "https://a"}`: "A <a@x>", `{"name": "A"}`: "A",
		`{"email": "a@x"}`: "<a@x>", `{}`: "",
	} {
		if m := parse(t, `{"main": "a.js", "author": `+author+`}`); m.Author != want {
			t.Errorf("%s became %q, want %q", author, m.Author, want)
		}
	}
}

func TestManifestErrorsNameTheField(t *testing.T) {
	for text, want := range map[string]string{
		``:                     `package.json: is empty`,
		"\ufeff \n":            `package.json: is empty`,
		`{`:                    `package.json: not valid JSON in line 1, column 1`,
		"{\n  \"é\": 1,\n}":    `package.json: not valid JSON in line 3, column 1: invalid character '}'`,
		`{} {}`:                `package.json: not valid JSON in line 1, column 4`,
		`[]`:                   `package.json: found an array, expected an object`,
		`null`:                 `package.json: found null, expected an object`,
		"{\"main\": \"\xff\"}": `package.json: is not UTF-8 text`,

		`{}`:                     `main: missing; name the entry file, for example "main": "index.js"`,
		`{"main": null}`:         `main: missing`,
		`{"Main": "index.js"}`:   `main: missing`,
		`{"main": 7}`:            `main: found the number 7, expected a string`,
		`{"main": ""}`:           `main: empty`,
		`{"main": "/a.js"}`:      `main: found "/a.js", which is outside the package`,
		`{"main": "a/../../b"}`:  `main: found "a/../../b", which is outside the package`,
		`{"main": "./"}`:         `main: found "./", which is a folder`,
		`{"main": "a\\b.js"}`:    `main: found "a\\b.js", expected a path without backslashes`,
		`{"main": "a\u0000.js"}`: `main: found "a\x00.js", expected a path without`,
		`{"main": "main.rb"}`:    `engines: no language known for main "main.rb"; name it`,

		`"name": {}`:     `name: found an object, expected a string`,
		`"name": "a\nb"`: `name: found "a\nb", expected text without control characters`,
		`"name": "` + strings.Repeat("n", 215) + `"`: `name: 215 bytes long; it may have at most 214`,
		`"version": 1`:                             `version: found the number 1, expected a string`,
		`"description": []`:                        `description: found an array, expected a string`,
		`"author": true`:                           `author: found a boolean, expected a string`,
		`"author": {"name": 1}`:                    `author.name: found the number 1, expected a string`,
		`"keywords": "a"`:                          `keywords: found a string, expected an array`,
		`"keywords": ["a", 1]`:                     `keywords[1]: found the number 1, expected a string`,
		`"keywords": [null]`:                       `keywords[0]: found null, expected a string`,
		`"repository": 1`:                          `repository: found the number 1, expected a string or an object`,
		`"repository": {"type": "git"}`:            `repository.url: missing`,
		`"repository": {"type": "git", "url": 1}`:  `repository.url: found the number 1, expected a string`,
		`"args": {}`:                               `args: found an object, expected an array`,
		`"engines": []`:                            `engines: found an array, expected an object`,
		`"engines": {"node": 18}`:                  `engines.node: found the number 18, expected a string with a version range`,
		`"engines": {"node": "1", "python3": "1"}`: `engines: found node and python3; a program has one language`,

		`"scramjet": 1`:                                    `scramjet: found the number 1, expected an object`,
		`"scramjet": {"config": []}`:                       `scramjet.config: found an array, expected an object`,
		`"scramjet": {"config": {"ports": ["80/tcp"]}}`:    `scramjet.config.ports[0]: found "80/tcp", expected a port and its protocol`,
		`"scramjet": {"config": {"ports": ["8080"]}}`:      `scramjet.config.ports[0]: found "8080"`,
		`"scramjet": {"config": {"ports": ["8080/icmp"]}}`: `scramjet.config.ports[0]: found "8080/icmp"`,
		`"scramjet": {"config": {"ports": ["65536/tcp"]}}`: `scramjet.config.ports[0]: found "65536/tcp"`,

		`"waverider": []`:                                          `waverider: found an array, expected an object`,
		`"waverider": {"akc": "save"}`:                             `waverider.akc: unknown; expected one of ack, readAhead, restart, limits, sandbox`,
		`"waverider": {"ack": "never"}`:                            `waverider.ack: found "never", expected "auto" or "save"`,
		`"waverider": {"readAhead": "64"}`:                         `waverider.readAhead: found a string, expected a whole number of records from 0 to 65536`,
		`"waverider": {"readAhead": -1}`:                           `waverider.readAhead: found -1, expected a whole number of records from 0 to 65536`,
		`"waverider": {"readAhead": 65537}`:                        `waverider.readAhead: found 65537, expected a whole number`,
		`"waverider": {"restart": true}`:                           `waverider.restart: found a boolean, expected "never" or "on-failure" or "always"`,
		`"waverider": {"limits": {"memroy": 1}}`:                   `waverider.limits.memroy: unknown; expected one of memory, cpu, pids, files`,
		`"waverider": {"limits": {"memory": "1G"}}`:                `waverider.limits.memory: found a string, expected a whole number of MiB`,
		`"waverider": {"limits": {"pids": 1.5}}`:                   `waverider.limits.pids: found the number 1.5, expected a whole number`,
		`"waverider": {"limits": {"cpu": -1}}`:                     `waverider.limits.cpu: found -1, expected a number of cores from 0 to 1048576`,
		`"waverider": {"limits": {"cpu": 1e300}}`:                  `waverider.limits.cpu: found 1e300, expected a number of cores from 0 to 1048576`,
		`"waverider": {"limits": {"memory": 9000000000000000000}}`: `waverider.limits.memory: found 9000000000000000000, expected a whole number of MiB from 0 to 1073741824`,
		`"waverider": {"sandbox": {"net": true}}`:                  `waverider.sandbox.net: unknown; expected one of network, read, write`,
		`"waverider": {"sandbox": {"network": "yes"}}`:             `waverider.sandbox.network: found a string, expected true or false`,
		`"waverider": {"sandbox": {"read": ["data"]}}`:             `waverider.sandbox.read[0]: found "data", expected an absolute path`,
		`"waverider": {"sandbox": {"write": ["/a/.."]}}`:           `waverider.sandbox.write[0]: found "/a/..", expected an absolute path without ".."`,
	} {
		if strings.HasPrefix(text, `"`) {
			text = `{"main": "index.js", ` + text + `}`
		}
		_, err := waverider.ParseManifest([]byte(text))
		var e *waverider.Error
		if !errors.As(err, &e) || e.Kind != waverider.Unprocessable || !strings.HasPrefix(e.Message, want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
			continue
		}
		if field, _, _ := strings.Cut(want, ":"); e.Detail["field"] != field {
			t.Errorf("%s: detail %v", text, e.Detail)
		}
	}
	big := `{"main": "a.js", "x": "` + strings.Repeat("x", waverider.MaxManifest) + `"}`
	if _, err := waverider.ParseManifest([]byte(big)); err == nil || !strings.Contains(err.Error(), "it may have at most 1048576") {
		t.Error(err)
	}
}

func TestLanguageAndEntryFile(t *testing.T) {
	for text, want := range map[string][2]string{
		`{"main": "index.js"}`:                               {"node", "index.js"},
		`{"main": "./lib/index"}`:                            {"node", "lib/index.js"},
		`{"main": "a.mjs"}`:                                  {"node", "a.mjs"},
		`{"main": "a.cjs"}`:                                  {"node", "a.cjs"},
		`{"main": "a.main", "engines": {"node": "*"}}`:       {"node", "a.main.js"},
		`{"main": "main.py"}`:                                {"python3", "main.py"},
		`{"main": "x/../main", "engines": {"python3": "3"}}`: {"python3", "main"},
		`{"main": "main.py", "engines": {"vscode": "1"}}`:    {"python3", "main.py"},
	} {
		m := parse(t, text)
		if language, err := m.Language(); err != nil || language != want[0] || m.EntryFile() != want[1] {
			t.Errorf("%s: %q, %q, %v", text, language, m.EntryFile(), err)
		}
	}
}

// Node ignores a type that it does not know, so do we.
func TestUnknownModuleTypeIsNone(t *testing.T) {
	for text, want := range map[string]string{`"commonjs"`: "commonjs", `"esm"`: "", `1`: ""} {
		if m := parse(t, `{"main": "a.js", "type": `+text+`}`); m.Type != want {
			t.Errorf("%s became %q", text, m.Type)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"main":"index.js","name":"n","author":{"name":"A","email":"e"},"keywords":["k"],"args":[1,"<>",null]}`))
	f.Add([]byte(`{"main":"main.py","engines":{"python3":"3.9.0"},"repository":{"type":"git","url":"u"},"scramjet":{"config":{"ports":["8080/tcp"]}}}`))
	f.Add([]byte(`{"main":"a","type":"module","waverider":{"ack":"save","limits":{"cpu":0.5},"sandbox":{"read":["/a"]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := waverider.ParseManifest(data)
		if err != nil {
			var e *waverider.Error
			if !errors.As(err, &e) || e.Kind != waverider.Unprocessable || e.Detail["field"] == nil || !utf8.ValidString(e.Message) {
				t.Errorf("%#v", err)
			}
			return
		}
		if _, err := m.Language(); err != nil || strings.HasPrefix(m.EntryFile(), "..") {
			t.Errorf("language %v, entry file %q", err, m.EntryFile())
		}
		roundTrip(t, m)
	})
}
