package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"waverider"
	"waverider/hub/journal"
	"waverider/store"
)

// AddSequence stores an uploaded package as a new Sequence.
func (h *Hub) AddSequence(ctx context.Context, r io.Reader) (seq *waverider.Sequence, err error) {
	err = h.put(ctx, r, func(pkg store.Package) error {
		now := time.Now()
		seq = &waverider.Sequence{ID: waverider.SequenceID(uuid.NewString()), Name: pkg.Manifest.Name, Created: now,
			Revisions: []waverider.Revision{revision(1, pkg, now)}}
		if err := h.journal.PutSequence(seq); err != nil {
			return err
		}
		h.showSequence(seq)
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.audit.became(auditCreated, string(seq.ID))
	h.log.Info("sequence added", "sequence", seq.ID, "name", seq.Name, "digest", seq.Newest().Digest)
	return seq, nil
}

// ReplaceSequence adds a revision. Instances that run keep theirs; new ones
// get the new one. The same package again adds nothing.
func (h *Hub) ReplaceSequence(ctx context.Context, ref string, r io.Reader) (seq *waverider.Sequence, err error) {
	old, _, err := h.Lookup(ref)
	if err != nil {
		return nil, err
	}
	err = h.put(ctx, r, func(pkg store.Package) error {
		seq, err = h.revise(old.ID, ref, pkg)
		return err
	})
	if err != nil {
		return nil, err
	}
	return seq, nil
}

// revise makes pkg the newest revision of a Sequence.
func (h *Hub) revise(id waverider.SequenceID, ref string, pkg store.Package) (*waverider.Sequence, error) {
	h.changes.Lock()
	defer h.changes.Unlock()
	h.mu.Lock()
	old, leaving := h.sequences[id], h.leaving[id]
	h.mu.Unlock()
	switch {
	case old == nil || leaving:
		return nil, unknownSequence(ref)
	case old.Newest().Digest == pkg.Digest:
		return old, nil
	}
	return h.addRevision(old, pkg)
}

// addRevision makes pkg the newest revision of old, with changes held.
func (h *Hub) addRevision(old *waverider.Sequence, pkg store.Package) (*waverider.Sequence, error) {
	seq := *old // readers hold the old one: never changed in place
	seq.Name = pkg.Manifest.Name
	seq.Revisions = append(slices.Clone(old.Revisions), revision(old.Newest().Number+1, pkg, time.Now()))
	if err := h.journal.PutSequence(&seq); err != nil {
		return nil, err
	}
	h.showSequence(&seq)
	h.log.Info("sequence replaced", "sequence", seq.ID, "revision", seq.Newest().Number, "digest", pkg.Digest)
	return &seq, nil
}

func (h *Hub) showSequence(seq *waverider.Sequence) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sequences[seq.ID] = seq
}

func unknownSequence(ref string) error {
	return waverider.Errorf(waverider.NotFound, "Sequence %s not found", ref)
}

func revision(number int, pkg store.Package, at time.Time) waverider.Revision {
	return waverider.Revision{Number: number, Digest: pkg.Digest, Size: pkg.Size, Created: at, Manifest: pkg.Manifest}
}

// put stores an upload that this machine can run. keep writes down which
// Sequence uses it, before anyone can drop it again.
func (h *Hub) put(ctx context.Context, r io.Reader, keep func(store.Package) error) error {
	if err := h.diskRoom(); err != nil {
		return err
	}
	_, err := h.packages.Put(ctx, r, func(pkg store.Package) error {
		if err := store.CheckEngines(pkg.Manifest, h.cfg.Runtime.Engines()); err != nil {
			return err
		}
		return keep(pkg)
	})
	if err == nil {
		h.metrics.uploads.Inc()
	}
	return err
}

// DeleteSequence forgets a Sequence. While Instances of it run it is refused,
// unless force: then they are killed first.
func (h *Hub) DeleteSequence(ctx context.Context, ref string, force bool) (*waverider.Sequence, error) {
	if h.wasDeleted(ref) {
		return nil, unknownSequence(ref)
	}
	seq, _, err := h.Lookup(ref)
	if err != nil {
		return nil, err
	}
	seq, live, err := h.leave(seq.ID, ref, force)
	if err != nil {
		return nil, err
	}
	defer h.stay(seq.ID)
	for _, in := range live {
		if err := in.Kill(ctx, true); err != nil {
			return nil, err
		}
	}
	if err := h.journal.DeleteSequence(seq.ID); err != nil {
		return nil, err
	}
	h.mu.Lock()
	delete(h.sequences, seq.ID)
	if !madeHere(seq.ID) {
		h.deleted[seq.ID] = true
	}
	h.mu.Unlock()
	h.audit.became(auditDeleted, string(seq.ID))
	h.log.Info("sequence deleted", "sequence", seq.ID, "name", seq.Name)
	h.dropPackages(seq)
	return seq, nil
}

// wasDeleted reports whether ref was the given id of a Sequence that is gone. To
// delete it again, as one does when the answer was lost, is not to delete another
// one that has this word for a name.
func (h *Hub) wasDeleted(ref string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	id := waverider.SequenceID(ref)
	return h.deleted[id] && h.sequences[id] == nil
}

// leave marks a Sequence as one that goes: nothing more of it starts, nobody
// else changes it. It answers the Instances to be killed before; without force
// there may be none.
func (h *Hub) leave(id waverider.SequenceID, ref string, force bool) (seq *waverider.Sequence, live []*Instance, err error) {
	h.changes.Lock()
	defer h.changes.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if seq = h.sequences[id]; seq == nil || h.leaving[id] {
		return nil, nil, unknownSequence(ref)
	}
	for _, in := range h.instances {
		if rec := in.record(); rec.Sequence == id && !rec.Status.Ended() {
			live = append(live, in)
		}
	}
	if len(live) > 0 && !force {
		slices.SortFunc(live, byCreation)
		return nil, nil, &waverider.Error{Kind: waverider.Conflict, Message: "Can't remove- Sequence in use",
			Detail: map[string]any{"instances": idsOf(live), "hint": "stop its Instances, or delete with force"}}
	}
	h.leaving[id] = true
	return seq, live, nil
}

// stay is the end of leave: the Sequence is gone, or stays after all.
func (h *Hub) stay(id waverider.SequenceID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.leaving, id)
}

// dropPackages removes the packages of a Sequence that nothing else uses.
func (h *Hub) dropPackages(seq *waverider.Sequence) {
	dropped := map[waverider.Digest]bool{}
	for _, rev := range seq.Revisions {
		if dropped[rev.Digest] {
			continue
		}
		dropped[rev.Digest] = true
		err := h.packages.Remove(rev.Digest, func() bool { return h.uses(rev.Digest) })
		if err != nil && waverider.KindOf(err) != waverider.NotFound { // another Sequence had it too
			h.log.Warn("package not removed", "digest", rev.Digest, "err", err)
		}
	}
}

// sweepPackages removes packages of Sequences that the journal does not know.
func (h *Hub) sweepPackages(ctx context.Context) {
	switch n, err := h.packages.Sweep(ctx, h.uses); {
	case err != nil:
		h.log.Warn("unused packages not removed", "err", err)
	case n > 0:
		h.log.Info("unused packages removed", "packages", n)
	}
}

// uses reports whether a Sequence, or an Instance that has not ended, needs a
// package.
func (h *Hub) uses(digest waverider.Digest) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sequences {
		if slices.ContainsFunc(s.Revisions, func(r waverider.Revision) bool { return r.Digest == digest }) {
			return true
		}
	}
	for _, in := range h.instances {
		if rec := in.record(); rec.Digest == digest && !rec.Status.Ended() {
			return true
		}
	}
	return false
}

// Sequences lists all, oldest first.
func (h *Hub) Sequences() []*waverider.Sequence {
	h.mu.Lock()
	list := slices.Collect(maps.Values(h.sequences))
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *waverider.Sequence) int { return a.Created.Compare(b.Created) })
	return list
}

// instancesOf lists the Instances of a Sequence.
func (h *Hub) instancesOf(id waverider.SequenceID, liveOnly bool) []*Instance {
	var list []*Instance
	for _, in := range h.Instances() {
		if rec := in.record(); rec.Sequence == id && !(liveOnly && rec.Status.Ended()) {
			list = append(list, in)
		}
	}
	return list
}

func idsOf(list []*Instance) []waverider.InstanceID {
	ids := make([]waverider.InstanceID, len(list))
	for i, in := range list {
		ids[i] = in.id
	}
	return ids
}

// location is the Hub's name in Sequence objects.
func (h *Hub) location() string { return cmp.Or(h.cfg.Name, h.cfg.ID, "STH") }

// sequenceObject is the Sequence as a program sees it.
func (h *Hub) sequenceObject(rec journal.Instance) json.RawMessage {
	data, err := json.Marshal(sequenceRef{ID: rec.Sequence, Config: rec.Package, Name: rec.Name, Location: h.location()})
	if err != nil {
		return nil // made of JSON, see configObject
	}
	return data
}
