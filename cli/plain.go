package cli

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain is a text of a program, of a package or of another caller as it may go to
// a terminal: what would move its cursor, name its window or answer for its user
// is shown and not done. Line ends and tabs stay.
func plain(text string) string {
	if !strings.ContainsFunc(text, acts) && utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		_, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1: // one byte that is no text, such as 0x9b
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case r == '\r' && strings.HasPrefix(text[i:], "\r\n"), !acts(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\x%02x`, r)
		}
	}
	return b.String()
}

func acts(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }

// plainLine is plain in one line, for a cell of a table.
func plainLine(text string) string {
	return strings.NewReplacer("\r\n", `\n`, "\n", `\n`, "\t", `\t`).Replace(plain(text))
}
