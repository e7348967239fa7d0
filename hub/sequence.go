package hub

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"waverider"
	"waverider/hub/journal"
	"waverider/store"
)

// AddSequence stores an uploaded package as a new Sequence.
func (h *Hub) AddSequence(ctx context.Context, r io.Reader) (*waverider.Sequence, error) {
	pkg, err := h.put(ctx, r)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	seq := &waverider.Sequence{ID: waverider.SequenceID(uuid.NewString()), Name: pkg.Manifest.Name, Created: now,
		Revisions: []waverider.Revision{revision(1, pkg, now)}}
	h.mu.Lock()
	h.sequences[seq.ID] = seq
	h.mu.Unlock()
	if err := h.journal.PutSequence(seq); err != nil {
		h.forgetSequence(seq)
		return nil, err
	}
	h.log.Info("sequence added", "sequence", seq.ID, "name", seq.Name, "digest", pkg.Digest)
	return seq, nil
}

// ReplaceSequence adds a revision. Instances that run keep theirs; new ones
// get the new one. The same package again adds nothing.
func (h *Hub) ReplaceSequence(ctx context.Context, ref string, r io.Reader) (*waverider.Sequence, error) {
	old, _, err := h.Lookup(ref)
	if err != nil {
		return nil, err
	}
	pkg, err := h.put(ctx, r)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if old = h.sequences[old.ID]; old == nil {
		return nil, waverider.Errorf(waverider.NotFound, "Sequence %s not found", ref)
	}
	if old.Newest().Digest == pkg.Digest {
		return old, nil
	}
	seq := *old // readers hold the old one: never changed in place
	seq.Name = pkg.Manifest.Name
	seq.Revisions = append(slices.Clone(old.Revisions), revision(old.Newest().Number+1, pkg, time.Now()))
	if err := h.journal.PutSequence(&seq); err != nil {
		return nil, err
	}
	h.sequences[seq.ID] = &seq
	h.log.Info("sequence replaced", "sequence", seq.ID, "revision", seq.Newest().Number, "digest", pkg.Digest)
	return &seq, nil
}

func revision(number int, pkg store.Package, at time.Time) waverider.Revision {
	return waverider.Revision{Number: number, Digest: pkg.Digest, Size: pkg.Size, Created: at, Manifest: pkg.Manifest}
}

// put stores an upload and checks that this machine can run it.
func (h *Hub) put(ctx context.Context, r io.Reader) (store.Package, error) {
	if err := h.diskRoom(); err != nil {
		return store.Package{}, err
	}
	pkg, err := h.packages.Put(ctx, r)
	if err != nil {
		return pkg, err
	}
	if err := store.CheckEngines(pkg.Manifest, h.cfg.Runtime.Engines()); err != nil {
		h.dropPackages(pkg.Digest)
		return pkg, err
	}
	h.metrics.uploads.Inc()
	return pkg, nil
}

// DeleteSequence forgets a Sequence. While Instances of it run it is refused,
// unless force: then they are killed first.
func (h *Hub) DeleteSequence(ctx context.Context, ref string, force bool) (*waverider.Sequence, error) {
	seq, _, err := h.Lookup(ref)
	if err != nil {
		return nil, err
	}
	live := h.instancesOf(seq.ID, true)
	if len(live) > 0 && !force {
		return nil, &waverider.Error{Kind: waverider.Conflict, Message: "Can't remove- Sequence in use",
			Detail: map[string]any{"instances": idsOf(live), "hint": "stop its Instances, or delete with force"}}
	}
	for _, in := range live {
		if err := in.Kill(ctx, true); err != nil {
			return nil, err
		}
	}
	if err := h.journal.DeleteSequence(seq.ID); err != nil {
		return nil, err
	}
	h.forgetSequence(seq)
	h.log.Info("sequence deleted", "sequence", seq.ID, "name", seq.Name)
	return seq, nil
}

func (h *Hub) forgetSequence(seq *waverider.Sequence) {
	h.mu.Lock()
	delete(h.sequences, seq.ID)
	h.mu.Unlock()
	for _, rev := range seq.Revisions {
		h.dropPackages(rev.Digest)
	}
}

// dropPackages removes a package that nothing uses any more.
func (h *Hub) dropPackages(digest waverider.Digest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sequences {
		if slices.ContainsFunc(s.Revisions, func(r waverider.Revision) bool { return r.Digest == digest }) {
			return
		}
	}
	for _, in := range h.instances {
		if rec := in.record(); rec.Digest == digest && !rec.Status.Ended() {
			return
		}
	}
	if err := h.packages.Remove(digest); err != nil {
		h.log.Warn("package not removed", "digest", digest, "err", err)
	}
}

// Sequences lists all, oldest first.
func (h *Hub) Sequences() []*waverider.Sequence {
	h.mu.Lock()
	list := slices.Collect(maps.Values(h.sequences))
	h.mu.Unlock()
	slices.SortFunc(list, func(a, b *waverider.Sequence) int { return a.Created.Compare(b.Created) })
	return list
}

// Lookup finds a Sequence and one of its revisions: by exact id, then
// name@version, then name (the newest), then a unique prefix of the id.
func (h *Hub) Lookup(ref string) (*waverider.Sequence, *waverider.Revision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.sequences[waverider.SequenceID(ref)]; s != nil {
		return s, s.Newest(), nil
	}
	if s, rev, err := h.byName(ref); s != nil || err != nil {
		return s, rev, err
	}
	s, err := byPrefix(ref, h.sequences)
	if err != nil {
		return nil, nil, err
	}
	if s == nil {
		return nil, nil, waverider.Errorf(waverider.NotFound, "Sequence %s not found", ref)
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

// byPrefix finds the one key that starts with ref, nil when there is none.
func byPrefix[K ~string, V any](ref string, all map[K]V) (*V, error) {
	if len(ref) < prefixLeast {
		return nil, nil
	}
	var ids []string
	var found V
	for id, v := range all {
		if strings.HasPrefix(string(id), ref) {
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
