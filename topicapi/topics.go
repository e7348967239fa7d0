package topicapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"waverider"
	"waverider/topic"
	"waverider/wire"
)

func (a *API) getTopics(r *http.Request) ([]topicView, error) {
	store, err := a.store()
	if err != nil {
		return nil, err
	}
	list := []topicView{}
	for _, t := range store.Topics() {
		if a.May != nil && a.May(r, t.Name()) != nil {
			continue
		}
		list = append(list, viewTopic(t.Config()))
	}
	return list, nil
}

func (a *API) getTopicInfo(r *http.Request) (topicInfoView, error) {
	t, err := a.topicNamed(r)
	if err != nil {
		return topicInfoView{}, err
	}
	info, err := t.Info(r.Context())
	if err != nil {
		return topicInfoView{}, err
	}
	v := viewTopicInfo(t.Config(), info)
	v.Requests = a.asked(t.Name())
	return v, nil
}

func (a *API) postTopics(w http.ResponseWriter, r *http.Request) error {
	var req struct {
		ID   string `json:"id"`
		Type string `json:"content-type"`
		waverider.TopicConfig
	}
	if err := wire.ReadObject(r, &req); err != nil {
		return err
	}
	cfg := req.TopicConfig
	var err error
	switch {
	case req.ID == "":
		return waverider.Errorf(waverider.Invalid, "Missing body param: id")
	case req.Type == "":
		return waverider.Errorf(waverider.Invalid, "Missing body param: content-type")
	}
	if cfg.Name, err = waverider.ParseTopicName(req.ID); err != nil {
		return err
	}
	if a.Object != nil {
		a.Object(r, req.ID)
	}
	if cfg.ContentType, err = waverider.ParseContentType(req.Type); err != nil {
		return asInvalid(err)
	}
	store, err := a.store()
	if err != nil {
		return err
	}
	if err := cfg.Validate(); err != nil {
		return err
	}
	if err := a.reaches(cfg.Scope); err != nil {
		return err
	}
	t, err := store.Create(r.Context(), cfg)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, createdView{ID: cfg.Name, Origin: a.Origin,
		State: "flowing", ContentType: t.Config().ContentType})
}

// asInvalid makes 400 of an unknown content type, where Scramjet's clients
// expect that.
func asInvalid(err error) error {
	return &waverider.Error{Kind: waverider.Invalid, Message: waverider.MessageOf(err), Err: err}
}

// patchTopic changes what can be changed, and refuses the rest by name.
func (a *API) patchTopic(w http.ResponseWriter, r *http.Request) error {
	var fields map[string]json.RawMessage
	if err := wire.ReadObject(r, &fields); err != nil {
		return err
	}
	var c topic.Change
	known := map[string]any{"description": &c.Description, "owner": &c.Owner, "discard": &c.Discard, "scope": &c.Scope,
		"maxBytes": &c.MaxBytes, "maxAge": &c.MaxAge}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := known[name]
		if field == nil {
			return waverider.Errorf(waverider.Invalid, "%.100q of a Topic cannot be changed: there are %s", name,
				strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if err := json.Unmarshal(fields[name], field); err != nil {
			return &waverider.Error{Kind: waverider.Invalid, Message: name + ": " + wire.Misfit(err), Err: err}
		}
	}
	t, err := a.topicNamed(r)
	if err != nil {
		return err
	}
	if c.Scope != nil && t.Config().Scope != waverider.ScopeSpace {
		if err := a.reaches(*c.Scope); err != nil {
			return err
		}
	}
	if a.elsewhere(t, c) {
		return a.askFor(w, r, t, c)
	}
	if err := t.Update(r.Context(), c); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, viewTopic(t.Config()))
}

func (a *API) deleteTopic(w http.ResponseWriter, r *http.Request) error {
	t, err := a.topicNamed(r)
	if err != nil {
		return err
	}
	note := ""
	if a.Deletes != nil {
		if note, err = a.Deletes(r.Context(), t, r.URL.Query().Get("force") == "true"); err != nil {
			return err
		}
	}
	if err := a.Topics.Delete(r.Context(), t.Name()); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"message": "Topic " + string(t.Name()) + " removed" + note})
}

// deleteGroup forgets the cursor of a group that has no members.
func (a *API) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	t, err := a.topicNamed(r)
	if err != nil {
		return err
	}
	group := r.PathValue("group")
	if err := t.ForgetGroup(r.Context(), group); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"message": "group " + group + " of Topic " + string(t.Name()) + " forgotten"})
}

// postAck tells what a group has done with.
func (a *API) postAck(w http.ResponseWriter, r *http.Request) error {
	p := parametersOf(r)
	group := p.group("group")
	if err := p.done(); err != nil {
		return err
	}
	if group == "" {
		return waverider.Errorf(waverider.Invalid, "group: want the name of the group that has done with the records")
	}
	var req struct {
		Cursor string `json:"cursor"`
		From   string `json:"from"`
	}
	if err := wire.ReadObject(r, &req); err != nil {
		return err
	}
	if req.Cursor == "" {
		return waverider.Errorf(waverider.Invalid, "Missing body param: cursor")
	}
	to, err := topic.ParseCursor(req.Cursor)
	if err != nil {
		return err
	}
	var from *topic.Cursor
	if req.From != "" {
		c, err := topic.ParseCursor(req.From)
		if err != nil {
			return err
		}
		from = &c
	}
	t, err := a.topicNamed(r)
	if err != nil {
		return err
	}
	at, err := t.AckGroup(r.Context(), group, from, to)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"cursor": at.String()})
}
