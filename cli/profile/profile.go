// Package profile keeps the Hubs and Spaces a user has names for, in one file, and
// decides which one a command talks to when flags, environment and profiles all say
// something. What a good URL or form of output is, is left to who asks.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"waverider"
)

// Profile is what commands use unless they are told otherwise. An empty field
// is the default.
type Profile struct {
	URL       string `yaml:"url,omitempty" json:"url,omitempty"`
	Hub       string `yaml:"hub,omitempty" json:"hub,omitempty"`               // of the Space at URL
	CA        string `yaml:"ca,omitempty" json:"ca,omitempty"`                 // file with authorities that are good too
	TokenFile string `yaml:"token-file,omitempty" json:"token-file,omitempty"` // the token itself is never kept
	Output    string `yaml:"output,omitempty" json:"output,omitempty"`
}

// Keys are the names of a Profile's fields, in their order.
var Keys = []string{"url", "hub", "ca", "token-file", "output"}

// Field is the field of a key; nil for one that is none.
func (p *Profile) Field(key string) *string {
	switch key {
	case "url":
		return &p.URL
	case "hub":
		return &p.Hub
	case "ca":
		return &p.CA
	case "token-file":
		return &p.TokenFile
	case "output":
		return &p.Output
	}
	return nil
}

// File is all profiles, and the one that counts when none is named.
type File struct {
	Current  string             `yaml:"current,omitempty"`
	Profiles map[string]Profile `yaml:"profiles,omitempty"`
}

// Names are those of the profiles, sorted.
func (f File) Names() []string { return slices.Sorted(maps.Keys(f.Profiles)) }

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// CheckName refuses what cannot be the name of a profile.
func CheckName(name string) error {
	if len(name) > 64 || !namePattern.MatchString(name) {
		return waverider.Errorf(waverider.Invalid, "profile %q: want up to 64 letters, digits, \".\", \"_\" or \"-\", beginning with a letter or digit", name)
	}
	return nil
}

// Read reads the profiles of a file; one that is not there has none.
func Read(path string) (File, error) {
	var f File
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, fmt.Errorf("read profiles: %w", err)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true) // an unknown key would be a setting silently lost
	if err := dec.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return File{}, waverider.Errorf(waverider.Invalid, "%s: %s", path, plain(err))
	}
	return f, nil
}

// plain is an error of the YAML decoder without the names of our types.
func plain(err error) string {
	text := regexp.MustCompile(`^yaml: (unmarshal errors:\n\s*)?`).ReplaceAllString(err.Error(), "")
	return regexp.MustCompile(` in type \S+`).ReplaceAllString(text, "")
}

// Write puts the profiles in a file that only the user can read.
func (f File) Write(path string) error {
	data, err := yaml.Marshal(f)
	if err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	// A temporary file is its owner's alone, and a rename leaves no half one.
	temp, err := os.CreateTemp(filepath.Dir(path), ".profiles-*")
	if err != nil {
		return fmt.Errorf("write profiles: %w", err)
	}
	_, err = temp.Write(data)
	if err = errors.Join(err, temp.Sync(), temp.Close()); err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("write profiles: %w", err)
	}
	return nil
}
