package wire

import (
	"net/url"
	"strings"
)

// node is one place in the tree of registered paths.
type node struct {
	fixed map[string]*node // by the word as registered, lower case
	words map[string]string
	any   *node // {name}
	rest  bool  // {name...}, or a pattern that ends in a slash
	end   bool  // a pattern ends here
}

func (n *node) add(segments []string) {
	if len(segments) == 0 {
		n.end = true
		return
	}
	word, more := segments[0], segments[1:]
	switch {
	case word == "" || word == "{$}":
		// "/dir/" takes everything below, "/dir/{$}" the folder alone.
		n.end, n.rest = true, n.rest || word == ""
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
		return "/", n.end || n.rest
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
	below, ok := n.walk(segments, fold, segments)
	if !ok {
		return "", false
	}
	path := "/" + strings.Join(segments, "/")
	if below && slash {
		path += "/"
	}
	return path, true
}

// walk finds the way of segments and writes the registered words into out.
// A fixed word is preferred to {name}, as the standard mux does. below reports
// that a pattern took the rest of the path, whatever it is.
func (n *node) walk(segments []string, fold bool, out []string) (below, ok bool) {
	if len(segments) == 0 {
		return n.rest && !n.end, n.end || n.rest
	}
	word := segments[0]
	key := strings.ToLower(word)
	if next := n.fixed[key]; next != nil && (fold || n.words[key] == word) {
		if below, ok := next.walk(segments[1:], fold, out[1:]); ok {
			out[0] = n.words[key]
			return below, true
		}
	}
	if n.any != nil {
		if below, ok := n.any.walk(segments[1:], fold, out[1:]); ok {
			return below, true
		}
	}
	return n.rest, n.rest
}
