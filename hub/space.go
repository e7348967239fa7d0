package hub

import (
	"context"
	"net/http"

	"waverider"
	"waverider/topic"
)

// linked tells whether this Hub has a Space.
func (h *Hub) linked() bool { return h.cfg.Linked != nil && h.cfg.Linked() }

// Entities are what the Space is told about, as the API lists them.
func (h *Hub) Entities() (sequences, instances, topics any, err error) {
	r := &http.Request{}
	if sequences, err = h.listSequences(r); err != nil {
		return nil, nil, nil, err
	}
	if instances, err = h.listInstances(r); err != nil {
		return nil, nil, nil, err
	}
	names := []string{}
	if h.cfg.Topics != nil {
		for _, t := range h.cfg.Topics.Topics() {
			names = append(names, string(t.Name()))
		}
	}
	return sequences, instances, names, nil
}

// deletes refuses to remove the copy of a Topic of the Space while it has records
// that the Space does not have.
func (h *Hub) deletes(ctx context.Context, t *topic.Topic, force bool) (note string, err error) {
	if !h.linked() || t.Config().Scope != waverider.ScopeSpace {
		return "", nil
	}
	if !force {
		info, err := t.Info(ctx)
		if err != nil {
			return "", err
		}
		unsent := info.Records // nobody holds them for the Space yet
		for _, r := range info.Readers {
			if r.Kind == topic.FarSpace {
				unsent = r.Lag
			}
		}
		if unsent > 0 {
			return "", waverider.Errorf(waverider.Conflict, "the Space does not have %d records of Topic %s yet, which would be lost: delete it when they are there, or with force", unsent, t.Name())
		}
	}
	return " from this Hub; the Space and its other Hubs keep theirs", nil
}
