package hub

import (
	"net/http"
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
