package topicapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"waverider"
	"waverider/topic"
)

// parameters are those of one request. What is asked for is taken out; what is
// left in the end is unknown, and a mistake of the client's.
type parameters struct {
	values url.Values
	known  []string
	err    error
}

func parametersOf(r *http.Request) *parameters {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = &waverider.Error{Kind: waverider.Invalid, Message: "the part of the address after \"?\" is not right: " + err.Error(), Err: err}
	}
	return &parameters{values: values, err: err}
}

// text takes a parameter; "" when it is not there.
func (p *parameters) text(name string) string {
	p.known = append(p.known, name)
	list := p.values[name]
	delete(p.values, name)
	if len(list) > 1 {
		p.refuse(name, "once, not %d times", len(list))
	}
	if len(list) == 0 {
		return ""
	}
	if list[0] == "" {
		p.refuse(name, "a value")
	}
	return list[0]
}

func (p *parameters) refuse(name, want string, args ...any) {
	if p.err == nil {
		p.err = waverider.Errorf(waverider.Invalid, name+": want "+want, args...)
	}
}

// flag takes a parameter that is true or false.
func (p *parameters) flag(name string, otherwise bool) bool {
	text := p.text(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseBool(text)
	if err != nil {
		p.refuse(name, "true or false, not %.100q", text)
	}
	return value
}

// count takes a number from 1; 0 when it is not there.
func (p *parameters) count(name string) uint64 {
	text := p.text(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n == 0 {
		p.refuse(name, "a number from 1, not %.100q", text)
	}
	return n
}

// duration takes a time from 1 ms; 0 when it is not there.
func (p *parameters) duration(name string) time.Duration {
	text := p.text(name)
	if text == "" {
		return 0
	}
	age, err := waverider.ParseAge(text)
	if err != nil || time.Duration(age) < time.Millisecond {
		p.refuse(name, `a time such as "30s", "36h" or "7d", not %.100q`, text)
	}
	return time.Duration(age)
}

// from takes a place in a Topic; false when it is not there.
func (p *parameters) from(name string) (topic.From, bool) {
	text := p.text(name)
	switch text {
	case "":
		return topic.From{}, false
	case "start":
		return topic.From{}, true
	case "new":
		return topic.From{New: true}, true
	}
	// "+" in an address is a space, and in times it says where a zone lies.
	if at, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(text, " ", "+")); err == nil {
		return topic.From{Time: at}, true
	}
	if age, err := waverider.ParseAge(text); err == nil && age >= 0 {
		return topic.From{Time: time.Now().Add(-time.Duration(age))}, true
	}
	at, err := topic.ParseCursor(text)
	if err != nil {
		p.refuse(name, `start, new, a cursor, a time such as "2026-01-31T12:00:00Z" or an age such as "10m", not %.100q`, text)
	}
	return topic.From{Cursor: &at}, true
}

const maxGroup = 200

// group takes the name of a group.
func (p *parameters) group(name string) string {
	text := p.text(name)
	if text != "" && !groupName(text) {
		p.refuse(name, `1 to %d letters, digits, "_", "-", "+" and ".", not %.100q`, maxGroup, text)
	}
	return text
}

func groupName(s string) bool {
	ok := len(s) > 0 && len(s) <= maxGroup
	for _, c := range []byte(s) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-+.", c) >= 0)
	}
	return ok
}

// done is the first thing that is wrong, an unknown parameter too.
func (p *parameters) done() error {
	if p.err != nil {
		return p.err
	}
	for name := range p.values {
		slices.Sort(p.known)
		return &waverider.Error{Kind: waverider.Invalid, Detail: map[string]any{"parameter": name},
			Message: "unknown parameter " + strconv.Quote(name) + ": there are " + strings.Join(p.known, ", ")}
	}
	return nil
}
