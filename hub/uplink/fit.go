package uplink

import (
	"encoding/json"
	"slices"
)

// A message has room for so much. What a Hub has more than that its Space does
// not hear of; all else it does.

// fitNames is as many of the names as a list of most, of room bytes as JSON, has
// room for.
func fitNames(names []string, most, room int) []string {
	room -= len("[]")
	for i, name := range names {
		text, err := json.Marshal(name)
		if room -= len(text) + len(","); i >= most || err != nil || room < 0 {
			return names[:i]
		}
	}
	return names
}

// fitLists shortens lists, arrays of JSON, to so many bytes together, and answers
// how many elements are left out. A short list does not suffer from a long one.
func fitLists(lists []*json.RawMessage, room int) (left int, err error) {
	lists = slices.Clone(lists)
	slices.SortFunc(lists, func(a, b *json.RawMessage) int { return len(*a) - len(*b) })
	for i, list := range lists {
		share := room / (len(lists) - i)
		if len(*list) > share {
			n, err := shorten(list, share)
			if err != nil {
				return 0, err
			}
			left += n
		}
		room -= len(*list)
	}
	return left, nil
}

// shorten leaves out the elements that have no room after those before them.
func shorten(list *json.RawMessage, room int) (left int, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(*list, &all); err != nil {
		return 0, err
	}
	room -= len("[]")
	kept := []json.RawMessage{}
	for _, e := range all {
		if n := len(e) + len(","); n <= room {
			kept = append(kept, e)
			room -= n
		} else {
			left++
		}
	}
	*list, err = json.Marshal(kept)
	return left, err
}
