package link

import (
	"regexp"
	"strings"

	"waverider"
)

// JoinToken is what a Hub needs to join a Space: which one it is, how to know it,
// and a secret that is good once.
type JoinToken struct {
	Space  string // id
	Pin    string // of the Space's TLS certificate; empty: an authority vouches for it
	ID     string // of the token
	Secret string
}

const joinPrefix = "wrj1"

var joinPart = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// String is the text that people carry. It is a secret.
func (t JoinToken) String() string {
	pin := t.Pin
	if pin == "" {
		pin = "-"
	}
	return strings.Join([]string{joinPrefix, t.Space, pin, t.ID, t.Secret}, ".")
}

// Answer is what the Hub sends of it.
func (t JoinToken) Answer() string { return t.ID + "." + t.Secret }

// ParseJoinToken reads what String made. Its error does not repeat the text.
func ParseJoinToken(text string) (JoinToken, error) {
	parts := strings.Split(strings.TrimSpace(text), ".")
	bad := len(parts) != 5 || parts[0] != joinPrefix
	for _, p := range parts {
		bad = bad || !joinPart.MatchString(p)
	}
	if bad {
		return JoinToken{}, waverider.Errorf(waverider.Invalid, "what was given is no join token: those of \"waverider space token create\" begin with %s", joinPrefix)
	}
	t := JoinToken{Space: parts[1], Pin: parts[2], ID: parts[3], Secret: parts[4]}
	if t.Pin == "-" {
		t.Pin = ""
	}
	return t, nil
}
