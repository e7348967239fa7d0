// Package tty tells what stands at the other end of a stream that people read:
// a terminal of some size, with colours or without, or no terminal at all.
package tty

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Styles of Paint, as SGR parameters.
const (
	Bold   = "1"
	Dim    = "2"
	Red    = "31"
	Green  = "32"
	Yellow = "33"
	Blue   = "34"
	Purple = "35"
	Cyan   = "36"
)

// Terminal is where text is shown.
type Terminal struct {
	file  *os.File // nil: no terminal
	color bool
}

// Of looks at w. Colours are left out where NO_COLOR is set or plain is.
func Of(w io.Writer, plain bool) Terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return Terminal{}
	}
	return Terminal{file: f, color: !plain && os.Getenv("NO_COLOR") == ""}
}

// Is tells whether there is a terminal that can be drawn on.
func (t Terminal) Is() bool { return t.file != nil }

// Size in columns and rows; 80 by 24 where none is known.
func (t Terminal) Size() (width, height int) {
	if t.file != nil {
		if w, h, err := term.GetSize(int(t.file.Fd())); err == nil && w > 0 && h > 0 {
			return w, h
		}
	}
	return 80, 24
}

// Paint sets text in a style, if there are colours.
func (t Terminal) Paint(style, text string) string {
	if !t.color || style == "" || text == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
