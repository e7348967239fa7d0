package wire

import (
	"net/url"
	"strings"
)

// node is one place in the tree of registered paths.
type node struct {
	fixed map[string]*node  // by the word in lower case
	words map[string]string // the words as registered
	any   *node             // {name}
	end   bool              // a pattern ends here
	dir   bool              // one ends here with a slash
	rest  bool              // one takes everything below
}

// match says how a path fits and so what becomes of its trailing slash.
type match int

const (
	none  match = iota
	exact       // dropped
	dir         // needed
	below       // kept as it came
)

func (n *node) add(segments []string) {
	if len(segments) == 0 {
		n.end = true
		return
	}
	word, more := segments[0], segments[1:]
	switch {
	case word == "" || word == "{$}":
		// "/dir/" takes everything below, "/dir/{$}" the folder alone.
		n.dir, n.rest = true, n.rest || word == ""
	case strings.HasSuffix(word, "...}"):
		n.rest = true
	case strings.HasPrefix(word, "{"):
		if n.any == nil {
			n.any = &node{}
		}
		n.any.add(more)
	default:
		key := strings.ToLower(word)
		if n.fixed == nil {
			n.fixed, n.words = map[string]*node{}, map[string]string{}
		}
		if n.fixed[key] == nil {
			n.fixed[key], n.words[key] = &node{}, word
		}
		n.fixed[key].add(more)
	}
}

// canonical is the escaped path as it was registered: fixed words in their
// own case, without a trailing slash. Segments stay escaped, so that an id may
// hold a slash.
func (n *node) canonical(escaped string) (string, bool) {
	rest, ok := strings.CutPrefix(escaped, "/")
	if !ok {
		return "", false
	}
	if rest == "" {
		return "/", n.dir || n.rest
	}
	segments := strings.Split(rest, "/")
	slash := segments[len(segments)-1] == ""
	if slash {
		segments = segments[:len(segments)-1]
	}
	for _, s := range segments {
		if plain, err := url.PathUnescape(s); err != nil || plain == "" || plain == "." || plain == ".." {
			return "", false
		}
	}
	fold := len(segments) > 1 && strings.EqualFold("/"+segments[0]+"/"+segments[1], Base)
	fit := n.walk(segments, fold, segments)
	path := "/" + strings.Join(segments, "/")
	if fit == dir || fit == below && slash {
		path += "/"
	}
	return path, fit != none
}

// walk finds the way of segments and writes the registered words into out.
// A fixed word is preferred to {name}, as the standard mux does.
func (n *node) walk(segments []string, fold bool, out []string) match {
	switch {
	case len(segments) > 0:
	case n.end:
		return exact
	case n.dir || n.rest:
		return dir
	default:
		return none
	}
	word := segments[0]
	key := strings.ToLower(word)
	if next := n.fixed[key]; next != nil && (fold || n.words[key] == word) {
		if fit := next.walk(segments[1:], fold, out[1:]); fit != none {
			out[0] = n.words[key]
			return fit
		}
	}
	if n.any != nil {
		if fit := n.any.walk(segments[1:], fold, out[1:]); fit != none {
			return fit
		}
	}
	if n.rest {
		return below
	}
	return none
}
