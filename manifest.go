package waverider

import (
	"encoding/json"
	"fmt"
	"path"
	"strings"
)

// MaxManifest is the size in bytes a package.json may have.
const MaxManifest = 1 << 20

// Manifest is what a package says of itself in its package.json. Fields that
// are not named here (dependencies, scripts, …) are left to the language's own
// tools. Its JSON form is a package.json again: ParseManifest reads it back.
type Manifest struct {
	Name        string            `json:"name,omitempty"`
	Version     string            `json:"version,omitempty"`
	Main        string            `json:"main"` // entry file, relative to the package
	Description string            `json:"description,omitempty"`
	Author      string            `json:"author,omitempty"`
	Keywords    []string          `json:"keywords,omitzero"`
	Repository  json.RawMessage   `json:"repository,omitempty"` // a string or {type, url, directory}
	Engines     map[string]string `json:"engines,omitzero"`     // language to version range
	Type        string            `json:"type,omitempty"`       // "module", "commonjs" or empty
	Args        []json.RawMessage `json:"args,omitzero"`        // used when a start gives none
	Scramjet    ScramjetSettings  `json:"scramjet,omitzero"`
	Waverider   Settings          `json:"waverider,omitzero"`
}

// ScramjetSettings is the section `scramjet` of a package.json.
type ScramjetSettings struct {
	Config struct {
		Ports []string `json:"ports,omitzero"` // "8080/tcp": what a container exposes
	} `json:"config,omitzero"`
}

// Ack says when an input position of a program moves on.
type Ack string

const (
	AckAuto Ack = "auto" // when the outputs of the record are durable; the default
	AckSave Ack = "save" // only when the program saves its state
)

// Settings is the section `waverider` of a package.json: how the program
// wants to be run. A start request and the Hub's own rules come before it.
type Settings struct {
	Ack       Ack           `json:"ack,omitempty"`
	ReadAhead int           `json:"readAhead,omitempty"` // as in a StartRequest; 0 is the runner's default
	Restart   RestartPolicy `json:"restart,omitempty"`
	Limits    Limits        `json:"limits,omitzero"`
	Sandbox   *Sandbox      `json:"sandbox,omitempty"` // nil: the compat profile
}

// Sandbox is what a program asks to reach besides its package and slot folder.
type Sandbox struct {
	Network bool     `json:"network"`
	Read    []string `json:"read,omitzero"`  // absolute paths
	Write   []string `json:"write,omitzero"` // absolute paths
}

// Languages a package can be written in.
const (
	LanguageNode   = "node"
	LanguagePython = "python3"
)

// Language is what runs the program: the language of `engines`, else that of
// main's file name.
func (m Manifest) Language() (string, error) {
	if _, ok := m.Engines[LanguagePython]; ok {
		return LanguagePython, nil
	}
	if _, ok := m.Engines[LanguageNode]; ok {
		return LanguageNode, nil
	}
	switch path.Ext(path.Base(m.Main)) {
	case ".py":
		return LanguagePython, nil
	case ".js", ".mjs", ".cjs", "": // Node itself completes `index` to `index.js`
		return LanguageNode, nil
	}
	return "", fieldError("engines", "no language known for main %q; "+
		`name it, for example "engines": {"node": ">=18"} or {"python3": ">=3.9"}`, m.Main)
}

// EntryFile is the path inside the package of the file that a runner loads.
// As in Scramjet, a Node program may leave out the `.js`, so `lib/index` and
// `./lib/index.js` are the same file; other languages take main as it is.
func (m Manifest) EntryFile() string {
	entry := path.Clean(m.Main)
	if language, err := m.Language(); err != nil || language != LanguageNode {
		return entry
	}
	switch path.Ext(entry) {
	case ".js", ".mjs", ".cjs":
		return entry
	}
	return entry + ".js"
}

// fieldError names a field of package.json and says what is wrong with it.
func fieldError(field, format string, args ...any) *Error {
	return &Error{
		Kind:    Unprocessable,
		Message: strings.ToValidUTF8(field+": "+fmt.Sprintf(format, args...), "?"),
		Detail:  map[string]any{"field": field},
	}
}
