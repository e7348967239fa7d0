package waverider

import (
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName is npm's limit for a package name; a handle longer than that is of
// no use in a table or an address.
const maxName = 214

// ParseManifest reads a package.json. An optional field that is null counts as
// absent. Its errors are *Error of Kind Unprocessable that name the field,
// what was found and what is expected.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	top, err := parseObject(data)
	if err != nil {
		return Manifest{}, err
	}
	p := parser{}
	m.Main = p.main(top)
	m.Name = p.word(top, "name")
	m.Version = p.word(top, "version")
	m.Description = p.text(top, "description")
	m.Author = p.author(top)
	m.Keywords = p.texts(top, "keywords")
	m.Repository = p.repository(top)
	m.Engines = p.engines(top)
	m.Type = p.moduleType(top)
	m.Args = p.values(top, "args")
	config := p.section(p.section(top, "scramjet"), "config")
	m.Scramjet.Config.Ports = p.ports(config)
	m.Waverider = p.settings(p.section(top, "waverider"))
	if p.err != nil {
		return Manifest{}, p.err
	}
	if _, err := m.Language(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// object is a JSON object and the path to it from the top of the file. Keys
// are compared exactly, unlike encoding/json does for structs.
type object struct {
	path   string
	fields map[string]json.RawMessage
}

func (o object) name(key string) string {
	if o.path == "" {
		return key
	}
	return o.path + "." + key
}

// get is the value of key; false when it is absent or null.
func (o object) get(key string) (json.RawMessage, bool) {
	raw, ok := o.fields[key]
	return raw, ok && string(raw) != "null"
}

func parseObject(data []byte) (object, error) {
	const file = "package.json"
	if len(data) > MaxManifest {
		return object{}, fieldError(file, "%d bytes; it may have at most %d", len(data), MaxManifest)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // editors on Windows write one, npm takes it
	if !utf8.Valid(data) {
		return object{}, fieldError(file, "is not UTF-8 text; save it as UTF-8")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return object{}, fieldError(file, `is empty; the least it needs is {"main": "index.js"}`)
	}
	var value json.RawMessage
	if err := json.Unmarshal(data, &value); err != nil {
		line, column := position(data, err)
		return object{}, fieldError(file, "not valid JSON in line %d, column %d: %v", line, column, err)
	}
	o := object{}
	if err := json.Unmarshal(value, &o.fields); err != nil || o.fields == nil {
		return object{}, fieldError(file, "found %s, expected an object", describe(value))
	}
	return o, nil
}

// position turns the offset of a JSON error into what an editor shows.
func position(data []byte, err error) (line, column int) {
	at := int64(len(data))
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(0, min(syntax.Offset-1, at))
	}
	before := data[:at]
	line = 1 + bytes.Count(before, []byte("\n"))
	return line, 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
}

// parser reads field after field and keeps the first error.
type parser struct{ err error }

func (p *parser) failf(field, format string, args ...any) {
	if p.err == nil {
		p.err = fieldError(field, format, args...)
	}
}

// decode reads raw into v; false, with the error kept, when it is not a want.
func (p *parser) decode(field string, raw json.RawMessage, v any, want string) bool {
	if string(raw) == "null" || json.Unmarshal(raw, v) != nil {
		p.failf(field, "found %s, expected %s", describe(raw), want)
		return false
	}
	return true
}

func (p *parser) text(o object, key string) string {
	var s string
	if raw, ok := o.get(key); ok {
		p.decode(o.name(key), raw, &s, "a string")
	}
	return s
}

// word is a text that becomes part of names and of terminal output.
func (p *parser) word(o object, key string) string {
	s := p.text(o, key)
	if strings.ContainsFunc(s, unicode.IsControl) {
		p.failf(o.name(key), "found %.80q, expected text without control characters", s)
	}
	if len(s) > maxName {
		p.failf(o.name(key), "%d bytes long; it may have at most %d", len(s), maxName)
	}
	return s
}

func (p *parser) main(o object) string {
	const example = `name the entry file, for example "main": "index.js"`
	raw, ok := o.get("main")
	if !ok {
		p.failf("main", "missing; %s", example)
		return ""
	}
	var main string
	if !p.decode("main", raw, &main, "a string with the path of the entry file") {
		return ""
	}
	clean := path.Clean(main)
	switch {
	case main == "":
		p.failf("main", "empty; %s", example)
	case strings.ContainsFunc(main, unicode.IsControl) || strings.Contains(main, `\`):
		p.failf("main", "found %q, expected a path without backslashes and control characters", main)
	case path.IsAbs(main) || clean == ".." || strings.HasPrefix(clean, "../"):
		p.failf("main", "found %q, which is outside the package; expected a path inside it, for example \"index.js\"", main)
	case clean == ".":
		p.failf("main", "found %q, which is a folder; %s", main, example)
	}
	return main
}

// author takes npm's object form too, as `Name <mail>`.
func (p *parser) author(o object) string {
	raw, ok := o.get("author")
	if !ok || raw[0] != '{' {
		return p.text(o, "author")
	}
	person := p.section(o, "author")
	name, mail := p.text(person, "name"), p.text(person, "email")
	if mail != "" {
		mail = "<" + mail + ">"
	}
	return strings.TrimSpace(name + " " + mail)
}

func (p *parser) values(o object, key string) []json.RawMessage {
	raw, ok := o.get(key)
	if !ok {
		return nil
	}
	var list []json.RawMessage
	p.decode(o.name(key), raw, &list, "an array")
	for i := range list {
		list[i] = compact(list[i])
	}
	return list
}

func (p *parser) texts(o object, key string) []string {
	list := p.values(o, key)
	if list == nil {
		return nil
	}
	texts := make([]string, len(list))
	for i, raw := range list {
		p.decode(item(o.name(key), i), raw, &texts[i], "a string")
	}
	return texts
}

func (p *parser) repository(o object) json.RawMessage {
	raw, ok := o.get("repository")
	if !ok {
		return nil
	}
	switch raw[0] {
	case '"':
	case '{':
		r := p.section(o, "repository")
		for _, key := range []string{"type", "url"} {
			if _, ok := r.get(key); !ok {
				p.failf(r.name(key), `missing; expected "repository": {"type": "git", "url": "https://…"} or a string`)
			}
			p.text(r, key)
		}
		p.text(r, "directory")
	default:
		p.failf("repository", "found %s, expected a string or an object with type and url", describe(raw))
	}
	return compact(raw)
}

func (p *parser) engines(o object) map[string]string {
	if _, ok := o.get("engines"); !ok {
		return nil
	}
	section := p.section(o, "engines")
	engines := make(map[string]string, len(section.fields))
	for key, raw := range section.fields {
		var version string
		p.decode(section.name(key), raw, &version, `a string with a version range, for example ">=18"`)
		engines[key] = version
	}
	_, node := engines[LanguageNode]
	_, python := engines[LanguagePython]
	if node && python {
		p.failf("engines", "found node and python3; a program has one language, so name only that")
	}
	return engines
}

// moduleType keeps the values that mean something; Node ignores all others.
func (p *parser) moduleType(o object) string {
	var s string
	raw, _ := o.get("type")
	if json.Unmarshal(raw, &s) != nil || s != "module" && s != "commonjs" {
		return ""
	}
	return s
}

var portForm = regexp.MustCompile(`^[0-9]{3,5}/(tcp|udp)$`)

func (p *parser) ports(config object) []string {
	ports := p.texts(config, "ports")
	for i, port := range ports {
		number, _, _ := strings.Cut(port, "/")
		if n, _ := strconv.Atoi(number); !portForm.MatchString(port) || n > 65535 {
			p.failf(item(config.name("ports"), i), `found %q, expected a port and its protocol, for example "8080/tcp"`, port)
		}
	}
	return ports
}

// section is the object at key, empty when it is absent.
func (p *parser) section(o object, key string) object {
	section := object{path: o.name(key)}
	if raw, ok := o.get(key); ok {
		p.decode(section.path, raw, &section.fields, "an object")
	}
	return section
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

func item(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// describe says in words what JSON value was found.
func describe(raw json.RawMessage) string {
	switch first := bytes.TrimSpace(raw); {
	case len(first) == 0:
		return "nothing"
	case first[0] == '{':
		return "an object"
	case first[0] == '[':
		return "an array"
	case first[0] == '"':
		return "a string"
	case first[0] == 't', first[0] == 'f':
		return "a boolean"
	case first[0] == 'n':
		return "null"
	}
	return "the number " + strings.ToValidUTF8(string(raw[:min(len(raw), 40)]), "?")
}
