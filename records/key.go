package records

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"waverider"
)

const (
	subjectHead = "wr.records."
	subjects    = subjectHead + "*.*"
)

// address is the place of a value.
type address struct{ collection, key string }

func (a address) validate() error {
	switch {
	case a.key == "":
		return waverider.Errorf(waverider.Invalid, "a key of %s is empty; name the one you mean", a.collection)
	case len(a.key) > MaxKey:
		return waverider.Errorf(waverider.Invalid, "a key of %s has %d bytes; use one of at most %d", a.collection, len(a.key), MaxKey)
	case !utf8.ValidString(a.key):
		return waverider.Errorf(waverider.Invalid, "a key of %s is no valid UTF-8; use one that is", a.collection)
	}
	return nil
}

func (a address) notFound() error {
	return waverider.Errorf(waverider.NotFound, "%s has no %q", a.collection, a.key)
}

func (a address) subject() string {
	return subjectHead + escape(a.collection) + "." + escape(a.key)
}

func addressOf(subject string) (a address, ok bool) {
	rest, ok := strings.CutPrefix(subject, subjectHead)
	if !ok {
		return a, false
	}
	collection, key, ok := strings.Cut(rest, ".")
	if !ok {
		return a, false
	}
	var inCollection, inKey bool
	a.collection, inCollection = unescape(collection)
	a.key, inKey = unescape(key)
	return a, inCollection && inKey
}

// escape makes one token of a subject: letters, digits, - and _ stay, other
// bytes become = and two hex digits.
func escape(s string) string {
	const digits = "0123456789abcdef"
	b := make([]byte, 0, len(s))
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '=', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
}

// unescape is the opposite of escape; it takes nothing that escape would not make.
func unescape(token string) (string, bool) {
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		if token[i] != '=' {
			b = append(b, token[i])
			continue
		}
		if i+3 > len(token) {
			return "", false
		}
		c, err := hex.DecodeString(token[i+1 : i+3])
		if err != nil {
			return "", false
		}
		b = append(b, c[0])
		i += 2
	}
	s := string(b)
	return s, escape(s) == token
}
