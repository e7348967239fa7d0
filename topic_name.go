package waverider

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// TopicName names a Topic: 1 to 200 letters, digits, "_", "+", "-", "\" and
// single dots between them. Names that differ in case are different names.
type TopicName string

const maxTopicName = 200

// ParseTopicName refuses what cannot name a Topic, with an Error of Kind Invalid.
func ParseTopicName(s string) (TopicName, error) {
	ok := len(s) > 0 && len(s) <= maxTopicName && !strings.Contains(s, "..") &&
		!strings.HasPrefix(s, ".") && !strings.HasSuffix(s, ".")
	for i := 0; ok && i < len(s); i++ {
		ok = plain(s[i]) || strings.IndexByte(`+\.`, s[i]) >= 0
	}
	if !ok {
		return "", Errorf(Invalid, `Topic id incorrect format: want 1 to %d letters, digits, "_", "+", "-", "\" and single dots between them`, maxTopicName)
	}
	return TopicName(s), nil
}

// A Topic of a Hub cannot be one with the Topic of that name that the Space has
// when they differ in their content type. Its records then have a Topic of their
// own there, which is named after both.

// ParseTopicRef is ParseTopicName for what may be there already: it takes the
// names of parked Topics too, which nobody can make by name.
func ParseTopicRef(s string) (TopicName, error) {
	name, from, parked := strings.Cut(s, parkedBy)
	if !parked {
		return ParseTopicName(s)
	}
	if _, err := ParseTopicName(name); err != nil {
		return "", err
	}
	if from == "" || len(from) > maxParkedFrom || TopicName(name).Parked(from) != TopicName(s) {
		return "", Errorf(Invalid, `Topic id incorrect format: want 1 to %d letters, digits, "_", "-" and dots after the "@"`, maxParkedFrom)
	}
	return TopicName(s), nil
}

const (
	parkedBy      = "@"
	maxParkedFrom = 64
)

// Parked names what came from somewhere and has no place in the Topic n: n, "@"
// and where it is from, in which every byte that cannot stand there is "-".
func (n TopicName) Parked(from string) TopicName {
	b := []byte(from)
	for i, c := range b {
		if !plain(c) && c != '.' {
			b[i] = '-'
		}
	}
	if len(b) == 0 {
		b = []byte("-")
	}
	return n + parkedBy + TopicName(b[:min(len(b), maxParkedFrom)])
}

// IsParked tells whether n is the name of a parked Topic.
func (n TopicName) IsParked() bool { return strings.Contains(string(n), parkedBy) }

// ParkedOf is the Topic in which records that are parked in n have no place; ""
// when n is no parked Topic.
func (n TopicName) ParkedOf() TopicName {
	of, _, parked := strings.Cut(string(n), parkedBy)
	if !parked {
		return ""
	}
	return TopicName(of)
}

// plain tells the bytes that stand for themselves in a token.
func plain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

const hexDigits = "0123456789ABCDEF"

// Token is n as one token of a subject, letters, digits, "_", "-" and "=":
// every other byte is "=" and its two hex digits. TopicFromToken turns it back.
func (n TopicName) Token() string {
	var b strings.Builder
	for i := 0; i < len(n); i++ {
		if c := n[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'=', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

// TopicFromToken answers the name whose Token is token, and an Error of Kind
// Invalid when there is none.
func TopicFromToken(token string) (TopicName, error) {
	var b strings.Builder
	for i := 0; i < len(token); i++ {
		if token[i] != '=' || i+2 >= len(token) {
			b.WriteByte(token[i])
			continue
		}
		high, low := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		b.WriteByte(byte(high<<4 | low)) // wrong digits do not survive the comparison below
		i += 2
	}
	name, err := ParseTopicRef(b.String())
	if err != nil || name.Token() != token {
		return "", Errorf(Invalid, "%.100q is not the token of a Topic", token)
	}
	return name, nil
}

const maxStreamToken = 100

// StreamToken is n for the name of a folder: at most 100 bytes, and different
// for different names also where files that differ in case are one file. There
// is no way back. Most names are their own; long ones and those with upper case
// are cut and get a hash.
func (n TopicName) StreamToken() string {
	token := n.Token()
	if len(token) <= maxStreamToken && string(n) == strings.ToLower(string(n)) {
		return token
	}
	sum := sha256.Sum256([]byte(n))
	mark := "==" + hex.EncodeToString(sum[:16]) // no token has "==" in it
	return strings.ToLower(token[:min(len(token), maxStreamToken-len(mark))]) + mark
}
