package sth

import (
	"path/filepath"
	"slices"
	"strings"
)

// Name is the command's.
const Name = "sth"

// LongName is its other one.
const LongName = "scramjet-transform-hub"

// Words are the arguments of a program that was called by argv, as its parser
// wants them: called as sth or scramjet-transform-hub it is that command, and
// -desc, a long option with one dash, has two.
func Words(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	words := slices.Clone(argv[1:])
	at := 0
	if len(words) > 0 && strings.HasPrefix(words[0], "__complete") {
		at = 1
	}
	if name := filepath.Base(argv[0]); name == Name || name == LongName {
		words = slices.Insert(words, at, Name)
	}
	if at >= len(words) || words[at] != Name && words[at] != LongName {
		return words
	}
	for i := at + 1; i < len(words) && words[i] != "--"; i++ {
		if rest, found := strings.CutPrefix(words[i], "-desc"); found && (rest == "" || rest[0] == '=') {
			words[i] = "--description" + rest
		}
	}
	return words
}
