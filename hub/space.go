package hub

import (
	"net/http"

	"waverider"
)

// Uplink is the Hub's relation to a Space, as far as its API shows it.
type Uplink interface {
	Joined() bool                   // there is a Space, whether it can be reached or not
	Reads(name waverider.TopicName) // somebody reads a Topic here
	Status() any                    // nil: there is none
}

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
