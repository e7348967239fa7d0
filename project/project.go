// Package project writes the files of a new Sequence: a package.json, a
// program that runs as it is, a test of it, and a README. What a program may
// look like is a matter of the templates; choosing a name and a folder is one
// of who calls.
package project

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"waverider"
)

//go:embed all:templates
var templates embed.FS

// What there is to choose from; the first of each is the default.
var (
	Templates = []string{"js", "ts", "py"}
	Kinds     = []string{"transformer", "generator", "consumer"}
)

// Project is what to write.
type Project struct {
	Dir      string // made if it is not there
	Name     string // of the package
	Template string // one of Templates
	Kind     string // one of Kinds
	Types    string // declarations of what a program is given (TypeScript); not for py, empty: left out
}

var descriptions = map[string]string{
	"transformer": "Takes records in and puts converted ones out",
	"generator":   "Puts out a record every second",
	"consumer":    "Takes records in and keeps their count and sum",
}

// hidden are files whose real names begin with a dot: as templates they have
// none, so that tools do not obey them here.
var hidden = map[string]string{"gitignore": ".gitignore", "waveriderignore": ".waveriderignore"}

// namePattern is what npm takes for a package name without a scope.
var (
	namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)
	unfit       = regexp.MustCompile(`[^a-z0-9._]+`)
)

// NameOf makes a package name of a folder's; empty when nothing is left of it.
func NameOf(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	name := unfit.ReplaceAllString(strings.ToLower(filepath.Base(abs)), "-")
	return strings.Trim(name, "-._")
}

// Write writes the project and answers the paths of its files. It never
// overwrites: when one of them is there already, nothing is written.
func Write(p Project) ([]string, error) {
	files, err := p.files()
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(files))
	if err := p.free(names); err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := create(filepath.Join(p.Dir, filepath.FromSlash(name)), files[name]); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// files are the contents by path below Dir.
func (p Project) files() (map[string]string, error) {
	if len(p.Name) > 214 || !namePattern.MatchString(p.Name) {
		return nil, waverider.Errorf(waverider.Invalid,
			"name %q: want lower-case letters, digits, \"-\", \"_\" or \".\", beginning with a letter or digit", p.Name)
	}
	files := map[string]string{}
	for _, part := range []string{"common", p.Kind} {
		from := path.Join("templates", p.Template, part)
		err := fs.WalkDir(templates, from, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(templates, name)
			if err != nil {
				return err
			}
			files[target(strings.TrimPrefix(name, from+"/"))] = p.fill(string(text))
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) {
			return nil, waverider.Errorf(waverider.Invalid, "no template %s for a %s; there are %s, each as %s",
				p.Template, p.Kind, strings.Join(Templates, ", "), strings.Join(Kinds, ", "))
		} else if err != nil {
			return nil, fmt.Errorf("read template: %w", err)
		}
	}
	if p.Types != "" && p.Template != "py" {
		files["types/waverider.d.ts"] = p.Types
	}
	return files, nil
}

func target(name string) string {
	if real, ok := hidden[path.Base(name)]; ok {
		return path.Join(path.Dir(name), real)
	}
	return name
}

func (p Project) fill(text string) string {
	return strings.NewReplacer("__NAME__", p.Name, "__DESCRIPTION__", descriptions[p.Kind]).Replace(text)
}

// free refuses when a file is in the way.
func (p Project) free(names []string) error {
	var taken []string
	for _, name := range names {
		_, err := os.Lstat(filepath.Join(p.Dir, filepath.FromSlash(name)))
		if err == nil {
			taken = append(taken, name)
		} else if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look into %s: %w", p.Dir, err)
		}
	}
	if len(taken) > 0 {
		return waverider.Errorf(waverider.Conflict, "%s has %s already; nothing was written", p.Dir, strings.Join(taken, ", "))
	}
	return nil
}

func create(file, text string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write project: %w", err)
	}
	return nil
}
