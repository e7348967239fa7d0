package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"waverider"
)

const (
	ignoreFile         = ".waveriderignore" // as .gitignore
	scramjetIgnoreFile = ".siignore"        // as Scramjet's si reads it
	gitIgnoreFile      = ".gitignore"       // says what is made, not written
)

// ignores decides which paths of a folder stay out of a package.
type ignores struct {
	git  []rule
	siOf []string
}

// rule is a line of .waveriderignore.
type rule struct {
	pattern string // matches a whole path from the top of the folder
	keep    bool   // a line that begins with "!"
	folders bool   // a line that ends in "/"
}

func readIgnores(root *os.Root) (ignores, error) {
	var i ignores
	if err := readLines(root, ignoreFile, i.addGit); err != nil {
		return ignores{}, err
	}
	err := readLines(root, scramjetIgnoreFile, i.addScramjet)
	return i, err
}

// addGit adds a line with the rules of gitignore.
func (i *ignores) addGit(line string) error {
	r, ok := parseRule(line)
	if !ok {
		return nil
	}
	i.git = append(i.git, r)
	return checkPattern(r.pattern)
}

// addScramjet adds a line of .siignore. si forgets a line that carries a
// comment, which packs what its author wanted to keep out; here the line counts.
func (i *ignores) addScramjet(line string) error {
	line, _, _ = strings.Cut(line, " #")
	line = path.Clean(strings.TrimSpace(line))
	if line == "." || line[0] == '#' {
		return nil
	}
	i.siOf = append(i.siOf, line)
	return checkPattern(line)
}

// Unwatched tells which paths of a folder are no sources, so that a change of
// one means nothing: what git ignores, node_modules and, unless a build makes
// the package out of them, what stays out of the package. Ignore files
// themselves are sources.
func Unwatched(dir string, built bool) (func(name string, folder bool) bool, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", dir, err)
	}
	defer root.Close()
	var i ignores
	if !built {
		if i, err = readIgnores(root); err != nil {
			return nil, err
		}
	}
	var git ignores
	if err := readLines(root, gitIgnoreFile, git.addGit); err != nil {
		return nil, err
	}
	return func(name string, folder bool) bool {
		switch path.Base(name) {
		case ".git", "node_modules":
			return true
		case ignoreFile, scramjetIgnoreFile, gitIgnoreFile:
			return false
		}
		return i.skips(name, folder) || git.skips(name, folder)
	}, nil
}

func readLines(root *os.Root, name string, each func(line string) error) error {
	data, err := root.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	for n, line := range strings.Split(string(data), "\n") {
		if err := each(strings.TrimSuffix(line, "\r")); err != nil {
			return waverider.Errorf(waverider.Unprocessable, "%s, line %d: %v", name, n+1, err)
		}
	}
	return nil
}

func checkPattern(pattern string) error {
	if !doublestar.ValidatePattern(pattern) {
		return fmt.Errorf("%q is not a pattern; check its brackets", pattern)
	}
	return nil
}

// parseRule reads a line by the rules of gitignore; false when it is empty or
// a comment.
func parseRule(line string) (rule, bool) {
	if !strings.HasSuffix(line, `\ `) {
		line = strings.TrimRight(line, " \t")
	}
	if line == "" || line[0] == '#' {
		return rule{}, false
	}
	var r rule
	line, r.keep = strings.CutPrefix(line, "!")
	line, r.folders = strings.CutSuffix(line, "/")
	rest, anchored := strings.CutPrefix(line, "/")
	if !anchored && !strings.Contains(rest, "/") {
		rest = "**/" + rest // a bare name matches at every depth
	}
	r.pattern = escapeBraces(rest)
	return r, rest != "" && rest != "**/"
}

// escapeBraces takes their meaning from braces, which gitignore does not know.
func escapeBraces(pattern string) string {
	return strings.NewReplacer(`\{`, `\{`, `\}`, `\}`, "{", `\{`, "}", `\}`).Replace(pattern)
}

// skips says whether a path stays out. Of .waveriderignore the last line that
// matches decides; what is below a folder that stays out is never asked for.
func (i ignores) skips(name string, isFolder bool) bool {
	if name == "package.json" { // as in npm: without it there is no package
		return false
	}
	if path.Base(name) == ".git" || name == ignoreFile || name == scramjetIgnoreFile {
		return true
	}
	for _, pattern := range i.siOf {
		if minimatch(pattern, name) {
			return true
		}
	}
	skip := false
	for _, r := range i.git {
		if (isFolder || !r.folders) && doublestar.MatchUnvalidated(r.pattern, name) {
			skip = !r.keep
		}
	}
	return skip
}

// minimatch matches as the npm library of that name does by default: hidden
// names are matched only by a pattern that names a dot itself.
func minimatch(pattern, name string) bool {
	hidden := func(p string) bool { return strings.HasPrefix(p, ".") || strings.Contains(p, "/.") }
	return (!hidden(name) || hidden(pattern)) && doublestar.MatchUnvalidated(pattern, name)
}
