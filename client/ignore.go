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
	err := readLines(root, ignoreFile, func(line string) error {
		r, ok := parseRule(line)
		if !ok {
			return nil
		}
		i.git = append(i.git, r)
		return checkPattern(r.pattern)
	})
	if err != nil {
		return ignores{}, err
	}
	err = readLines(root, scramjetIgnoreFile, func(line string) error {
		// si forgets a line that carries a comment, which packs what its author
		// wanted to keep out; here the line counts.
		line, _, _ = strings.Cut(line, " #")
		line = path.Clean(strings.TrimSpace(line))
		if line == "." || line[0] == '#' {
			return nil
		}
		i.siOf = append(i.siOf, line)
		return checkPattern(line)
	})
	return i, err
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
