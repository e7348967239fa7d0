package topicapi

import (
	"net/http"

	"waverider"
	"waverider/topic"
	"waverider/wire"
)

// askedView is a Topic with what the Space is asked for about it.
type askedView struct {
	topicView
	Requests []waverider.TopicRequest `json:"requests"`
}

func (a *API) asked(name waverider.TopicName) []waverider.TopicRequest {
	if a.Asked == nil {
		return nil
	}
	return a.Asked(name)
}

// elsewhere tells that the Space decides about something of c.
func (a *API) elsewhere(t *topic.Topic, c topic.Change) bool {
	return a.Ask != nil && a.Linked != nil && a.Linked() && t.Config().Scope == waverider.ScopeSpace && (c.Description != nil || c.Owner != nil)
}

// askFor changes here what is decided here, and asks the Space for the rest: 202
// when it has not answered yet.
func (a *API) askFor(w http.ResponseWriter, r *http.Request, t *topic.Topic, c topic.Change) error {
	rest := c
	rest.Check = func(cfg waverider.TopicConfig) error {
		cfg.Description, cfg.Owner = orElse(c.Description, cfg.Description), orElse(c.Owner, cfg.Owner)
		return cfg.Validate()
	}
	rest.Description, rest.Owner = nil, nil
	if err := t.Update(r.Context(), rest); err != nil {
		return err
	}
	req, err := a.Ask(r.Context(), t, wire.IdentityOf(r).Subject, c.Description, c.Owner)
	if err != nil {
		return err
	}
	switch req.State {
	case waverider.RequestRefused:
		return waverider.Errorf(req.Kind, "the Space has refused it: %s", req.Reason)
	case waverider.RequestApplied:
		return wire.WriteJSON(w, http.StatusOK, viewTopic(t.Config()))
	}
	return wire.WriteJSON(w, http.StatusAccepted, askedView{viewTopic(t.Config()), a.asked(t.Name())})
}

func orElse(value *string, other string) string {
	if value != nil {
		return *value
	}
	return other
}
