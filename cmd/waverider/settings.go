package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"waverider"
)

// settings reads one set of flags from three places: the command line, then
// the environment, then a file. A setting has one name, from which the others
// derive: --data-dir, WAVERIDER_DATA_DIR, and data-dir in the file.
type settings struct {
	flags   *pflag.FlagSet
	sources map[string]string // setting to where its value came from
}

const (
	configFlag = "config"
	joinFlag   = "join"
)

func envName(flag string) string {
	return "WAVERIDER_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// load fills the flags that the command line left. getenv is os.LookupEnv but
// in tests.
func load(flags *pflag.FlagSet, getenv func(string) (string, bool)) (*settings, error) {
	s := &settings{flags: flags, sources: map[string]string{}}
	var errs []error
	flags.VisitAll(func(f *pflag.Flag) {
		s.sources[f.Name] = "default"
		if f.Changed {
			s.sources[f.Name] = "--" + f.Name
			return
		}
		if text, ok := getenv(envName(f.Name)); ok {
			errs = append(errs, s.set(f, split(f, text), envName(f.Name)))
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if path := flags.Lookup(configFlag).Value.String(); path != "" {
		if err := s.readFile(path); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// split makes a list of a variable's text, for settings that are lists.
func split(f *pflag.Flag, text string) []string {
	if _, list := f.Value.(pflag.SliceValue); !list {
		return []string{text}
	}
	var out []string
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

func (s *settings) set(f *pflag.Flag, values []string, source string) error {
	var err error
	if list, ok := f.Value.(pflag.SliceValue); ok {
		err = list.Replace(values)
	} else if len(values) != 1 {
		err = errors.New("want one value, not a list")
	} else {
		err = f.Value.Set(values[0])
	}
	if err != nil {
		return waverider.Errorf(waverider.Invalid, "%s: %s: %s", source, f.Name, plainReason(err))
	}
	s.sources[f.Name] = source
	return nil
}

// plainReason drops the name of the Go function that could not read a value.
func plainReason(err error) string {
	text := err.Error()
	if i := strings.Index(text, ": parsing "); i >= 0 {
		text = text[i+len(": parsing "):]
	}
	return text
}

// readFile takes what neither flags nor environment have set from a YAML or
// JSON file. A key nobody knows is an error: it would be a setting silently
// lost.
func (s *settings) readFile(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read configuration: %w", err)
	}
	if filepath.Ext(path) == ".json" {
		data = bytes.ReplaceAll(data, []byte{'\t'}, []byte{' '}) // YAML forbids tabs, JSON strings have none
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return waverider.Errorf(waverider.Invalid, "%s: %s", path, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(doc.Content) == 0 {
		return nil // empty, or comments only
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		return waverider.Errorf(waverider.Invalid, "%s:%d: want settings as \"name: value\"", path, root.Line)
	}
	var errs []error
	seen := map[string]bool{}
	for i := 0; i+1 < len(root.Content); i += 2 {
		errs = append(errs, s.fileEntry(path, root.Content[i], root.Content[i+1], seen))
	}
	return errors.Join(errs...)
}

func (s *settings) fileEntry(path string, key, value *yaml.Node, seen map[string]bool) error {
	at := fmt.Sprintf("%s:%d", path, key.Line)
	f := s.flags.Lookup(key.Value)
	switch {
	case f == nil || key.Value == configFlag || f.Hidden:
		return waverider.Errorf(waverider.Invalid, "%s: unknown setting %q%s", at, key.Value, s.like(key.Value))
	case seen[key.Value]:
		return waverider.Errorf(waverider.Invalid, "%s: %s is set twice", at, key.Value)
	}
	seen[key.Value] = true
	values, err := scalars(value)
	if err != nil {
		return waverider.Errorf(waverider.Invalid, "%s: %s: %s", at, key.Value, err)
	}
	if source := s.sources[f.Name]; source != "default" {
		values, err = nil, checkOnly(f, values) // a stronger place has set it
		if err != nil {
			return waverider.Errorf(waverider.Invalid, "%s: %s: %s", at, key.Value, plainReason(err))
		}
		return nil
	}
	return s.set(f, values, at)
}

// checkOnly tells whether f would take values, and leaves it as it is.
func checkOnly(f *pflag.Flag, values []string) error {
	if _, list := f.Value.(pflag.SliceValue); list || len(values) != 1 {
		return nil
	}
	before := f.Value.String()
	if err := f.Value.Set(values[0]); err != nil {
		return err
	}
	return f.Value.Set(before)
}

func scalars(n *yaml.Node) ([]string, error) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil, errors.New("has no value")
		}
		return []string{n.Value}, nil
	case yaml.SequenceNode:
		out := []string{}
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return nil, errors.New("want a list of plain values")
			}
			out = append(out, c.Value)
		}
		return out, nil
	}
	return nil, errors.New("want a plain value or a list")
}

// like names the setting a misspelt key was meant to be.
func (s *settings) like(key string) string {
	var best string
	plain := strings.NewReplacer("-", "", "_", "")
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == configFlag {
			return
		}
		if strings.EqualFold(plain.Replace(f.Name), plain.Replace(key)) || distance(f.Name, strings.ToLower(key)) <= 2 {
			best = f.Name
		}
	})
	if best == "" {
		return "; --help lists all"
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is how many letters are to be changed to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := before
			if a[i-1] != b[j-1] {
				change++
			}
			before = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
