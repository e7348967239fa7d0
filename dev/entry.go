package dev

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"waverider/tty"
)

var (
	// packaged is where a Hub keeps the files of a package.
	packaged = regexp.MustCompile(`(?:file://)?/[^\s()]*/packages/sha256-[0-9a-f]{64}/package/`)
	// runnerFrame is a line of a stack that is none of the program's.
	runnerFrame = regexp.MustCompile(`^\s+at .*/run/runners/[0-9a-f]+/`)
)

// homeward turns the paths of a stack into those of the folder that is being
// worked on; false for a line of the stack that is not the program's.
func homeward(line string) (string, bool) {
	if runnerFrame.MatchString(line) {
		return "", false
	}
	return packaged.ReplaceAllString(line, ""), true
}

// logEntry is an entry of the log as people read it, and its style: the
// message with its data, and the stacks of errors below.
func logEntry(line []byte) (style string, texts []string) {
	var e struct {
		Level, Msg string
		Data       []json.RawMessage
	}
	if json.Unmarshal(line, &e) != nil || e.Level == "" {
		return "", []string{readable(line)}
	}
	text := fmt.Sprintf("%-5s %s", e.Level, e.Msg)
	var below []string
	for _, d := range e.Data {
		var failure struct{ Message, Stack string }
		if json.Unmarshal(d, &failure) != nil || failure.Stack == "" {
			text += " " + string(d)
			continue
		}
		if failure.Message != e.Msg {
			text += ": " + failure.Message
		}
		if e.Level != "FATAL" { // what ends the program is on stderr whole
			below = append(below, stackLines(failure.Stack)...)
		}
	}
	return levelStyle(e.Level), append([]string{text}, below...)
}

func stackLines(stack string) (out []string) {
	for line := range strings.Lines(stack) {
		if text, ok := homeward(strings.TrimRight(line, "\r\n")); ok {
			out = append(out, "      "+text)
		}
	}
	return out
}

func levelStyle(level string) string {
	switch level {
	case "ERROR", "FATAL":
		return tty.Red
	case "WARN":
		return tty.Yellow
	case "DEBUG", "TRACE":
		return tty.Dim
	}
	return ""
}
