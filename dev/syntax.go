package dev

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"waverider"
)

const (
	syntaxTime = 5 * time.Second
	syntaxMost = 100 // files that are looked at
)

// syntaxFault is what Node says of the first source with a syntax error: with
// its file and line, which the error of a start does not have.
func (t *tree) syntaxFault(ctx context.Context) string {
	node, err := exec.LookPath("node")
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, syntaxTime)
	defer cancel()
	var found string
	seen := 0
	_ = t.walk(t.dir, func(path string, d fs.DirEntry) error {
		if !isScript(path) || !d.Type().IsRegular() {
			return nil
		}
		if seen++; seen > syntaxMost || ctx.Err() != nil {
			return fs.SkipAll
		}
		cmd := exec.CommandContext(ctx, node, "--check", path)
		text, err := cmd.CombinedOutput()
		var failed *exec.ExitError
		if errors.As(err, &failed) && ctx.Err() == nil {
			found = strings.TrimPrefix(pointer(string(text)), t.dir+string(filepath.Separator))
			return fs.SkipAll
		}
		return nil
	})
	return found
}

func isScript(path string) bool {
	switch filepath.Ext(path) {
	case ".js", ".mjs", ".cjs":
		return true
	}
	return false
}

// pointer is the part of Node's words that shows the place; the stack below is
// Node's own.
func pointer(text string) string {
	place, _, _ := strings.Cut(text, "\n    at ")
	var lines []string
	for line := range strings.Lines(place) {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, strings.TrimRight(line, "\r\n"))
		}
	}
	return strings.Join(lines, "\n")
}

// failedToLoad tells whether a start failed for what is in the files.
func failedToLoad(err error) bool {
	var e *waverider.Error
	if !errors.As(err, &e) {
		return false
	}
	code, ok := e.Detail["exitcode"].(float64)
	return ok && int(code) == waverider.ExitLoad
}
