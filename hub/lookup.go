package hub

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"waverider"
)

// Lookup finds a Sequence and one of its revisions: by exact id, then
// name@version, then name (the newest), then a unique prefix of an id that the
// Hub made. An id that people gave is named in full: a deletion of "order" that is
// sent twice must not take "order-old".
func (h *Hub) Lookup(ref string) (*waverider.Sequence, *waverider.Revision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sequences[waverider.SequenceID(ref)]; s != nil {
		return s, s.Newest(), nil
	}
	if s, rev, err := h.byName(ref); s != nil || err != nil {
		return s, rev, err
	}
	s, err := byPrefix(ref, h.sequences, madeHere)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		return nil, nil, unknownSequence(ref)
	}
	return *s, (*s).Newest(), nil
}

// byName finds name@version or name; two Sequences of one name are ambiguous.
func (h *Hub) byName(ref string) (*waverider.Sequence, *waverider.Revision, error) {
	name, version := ref, ""
	if at := strings.LastIndex(ref, "@"); at > 0 && at < len(ref)-1 {
		name, version = ref[:at], ref[at+1:]
	}
	var found []*waverider.Sequence
	var rev *waverider.Revision
	for _, s := range h.sequences {
		for i := len(s.Revisions) - 1; i >= 0; i-- {
			r := &s.Revisions[i]
			if r.Manifest.Name == name && r.Manifest.Name != "" && (version == "" && i == len(s.Revisions)-1 || version != "" && r.Manifest.Version == version) {
				found, rev = append(found, s), r
				break
			}
		}
	}
	if len(found) == 0 {
		return nil, nil, nil
	}
	if len(found) > 1 {
		ids := make([]string, len(found))
		for i, s := range found {
			ids[i] = string(s.ID)
		}
		return nil, nil, ambiguous(ref, ids)
	}
	return found[0], rev, nil
}

const prefixLeast = 4

// madeHere reports whether an id has the form of those the Hub makes.
func madeHere(id waverider.SequenceID) bool {
	return len(id) == len(uuid.UUID{}.String()) && uuid.Validate(string(id)) == nil
}

// byPrefix finds the one key that starts with ref and may be cut, nil when there
// is none.
func byPrefix[K ~string, V any](ref string, all map[K]V, mayCut func(K) bool) (*V, error) {
	if len(ref) < prefixLeast {
		return nil, nil
	}
	var ids []string
	var found V
	for id, v := range all {
		if strings.HasPrefix(string(id), ref) && mayCut(id) {
			ids, found = append(ids, string(id)), v
		}
	}
	switch len(ids) {
	case 0:
		return nil, nil
	case 1:
		return &found, nil
	}
	return nil, ambiguous(ref, ids)
}

func ambiguous(ref string, ids []string) error {
	slices.Sort(ids)
	return &waverider.Error{Kind: waverider.Conflict, Message: fmt.Sprintf("%q is ambiguous: name one by its id", ref),
		Detail: map[string]any{"candidates": ids}}
}
