package transcripts

import (
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// exchange is a request that was put to Scramjet's Hub 1.0.1, with what it was
// seen to answer. Names in braces are values kept from earlier answers.
type exchange struct {
	name    string
	request string // "GET /version", under /api/v1
	headers string // "Content-Type: text/plain; X-End-Stream: false"
	body    string
	upload  string // a folder of ../sequences, or "NAME=FILE" of archives, sent as the body

	keep   string // name to keep field id of the answer under
	keepAs string // another field to keep
	after  string // an Instance that is to have ended before

	saw     answer  // what Scramjet's Hub answered
	gives   *answer // what ours gives instead
	odd     bool    // it has parameters that mean nothing
	lacks   string  // row of "Differences" that says which fields ours has not
	because string  // row of "Differences" in docs/from-scramjet.md
}

// answer is what of a response matters to a client.
type answer struct {
	status int
	kind   string // Content-Type, without parameters
	text   string // the body as it is
	shape  string // JSON the body must fit; see fits
	open   bool   // the answer goes on: text is how it begins
	any    bool   // the body is looked at elsewhere
}

const (
	asJSON  = "application/json"
	asBytes = "application/octet-stream"
)

// expected is what ours has to answer.
func (e exchange) expected() answer {
	if e.gives != nil {
		return *e.gives
	}
	return e.saw
}

var kinds = map[string]*regexp.Regexp{
	"<uuid>": regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`),
	"<time>": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$`),
	"<text>": regexp.MustCompile(`(?s).`),
}

// fits says how got, a JSON value, is not of shape. An object may have more
// fields than its shape; each item of an array must fit the one in the shape;
// a text in angle brackets stands for its kind, <a.*> for a pattern.
func fits(shape, got any, at string) error {
	switch s := shape.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s: %v is no object", at, got)
		}
		for name, want := range s {
			v, there := object[name]
			if want == "<absent>" {
				if there {
					return fmt.Errorf("%s.%s is there: %v", at, name, v)
				}
				continue
			}
			if !there {
				return fmt.Errorf("%s.%s is missing", at, name)
			}
			if err := fits(want, v, at+"."+name); err != nil {
				return err
			}
		}
	case []any:
		return fitsArray(s, got, at)
	case string:
		return fitsText(s, got, at)
	default:
		if !reflect.DeepEqual(shape, got) {
			return fmt.Errorf("%s: %v, want %v", at, got, shape)
		}
	}
	return nil
}

func fitsArray(shape []any, got any, at string) error {
	list, ok := got.([]any)
	if !ok {
		return fmt.Errorf("%s: %v is no array", at, got)
	}
	if len(shape) == 0 && len(list) > 0 || len(shape) > 0 && len(list) == 0 {
		return fmt.Errorf("%s: %v, want %v", at, got, shape)
	}
	for i, v := range list {
		if err := fits(shape[min(i, len(shape)-1)], v, fmt.Sprintf("%s[%d]", at, i)); err != nil {
			return err
		}
	}
	return nil
}

func fitsText(shape string, got any, at string) error {
	if shape == "<number>" {
		if _, ok := got.(float64); !ok {
			return fmt.Errorf("%s: %v is no number", at, got)
		}
		return nil
	}
	text, ok := got.(string)
	if !ok {
		return fmt.Errorf("%s: %v is no text", at, got)
	}
	pattern, special := kinds[shape]
	if !special && strings.HasPrefix(shape, "<") && strings.HasSuffix(shape, ">") {
		pattern, special = regexp.MustCompile("^(?:"+shape[1:len(shape)-1]+")$"), true
	}
	if special && !pattern.MatchString(text) || !special && text != shape {
		return fmt.Errorf("%s: %q, want %s", at, text, shape)
	}
	return nil
}

// fitsJSON is fits for texts.
func fitsJSON(shape, got string) error {
	var s, g any
	if err := json.Unmarshal([]byte(shape), &s); err != nil {
		return fmt.Errorf("shape %s: %w", shape, err)
	}
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		return fmt.Errorf("%q is no JSON: %w", got, err)
	}
	return fits(s, g, "")
}
