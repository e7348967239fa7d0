package hub

import (
	"context"
	"io"
	"regexp"
	"slices"
	"time"

	"waverider"
	"waverider/store"
)

// givenID is what a Sequence may be called by who brings its id along.
var givenID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Identify makes a package that is found somewhere a Sequence of a given id. One
// of that id that has had the package before, as its newest revision or an older
// one, stays as it is; else the package is its newest revision. changed tells
// whether there is something new.
func (h *Hub) Identify(ctx context.Context, id waverider.SequenceID, r io.Reader) (seq *waverider.Sequence, changed bool, err error) {
	if len(id) > 128 || !givenID.MatchString(string(id)) {
		return nil, false, waverider.Errorf(waverider.Invalid,
			"%.128q cannot be the id of a Sequence: want up to 128 letters, digits, \".\", \"_\" or \"-\", the first a letter or a digit", id)
	}
	err = h.put(ctx, r, func(pkg store.Package) error {
		seq, changed, err = h.identify(id, pkg)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	return seq, changed, nil
}

func (h *Hub) identify(id waverider.SequenceID, pkg store.Package) (seq *waverider.Sequence, changed bool, err error) {
	h.changes.Lock()
	defer h.changes.Unlock()
	h.mu.Lock()
	old, leaving := h.sequences[id], h.leaving[id]
	h.mu.Unlock()
	switch {
	case leaving:
		return nil, false, waverider.Errorf(waverider.Conflict, "Sequence %s is being deleted", id)
	case old != nil && slices.ContainsFunc(old.Revisions, func(r waverider.Revision) bool { return r.Digest == pkg.Digest }):
		return old, false, nil
	case old != nil:
		seq, err = h.addRevision(old, pkg)
		return seq, err == nil, err
	}
	now := time.Now()
	seq = &waverider.Sequence{ID: id, Name: pkg.Manifest.Name, Created: now, Revisions: []waverider.Revision{revision(1, pkg, now)}}
	if err := h.journal.PutSequence(seq); err != nil {
		return nil, false, err
	}
	h.showSequence(seq)
	h.audit.became(auditCreated, string(seq.ID))
	h.log.Info("sequence identified", "sequence", seq.ID, "name", seq.Name, "digest", pkg.Digest)
	return seq, true, nil
}
