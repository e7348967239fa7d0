package space

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

func (s *Space) hubRoutes(m *wire.Mux) {
	s.api(m, "GET", "/list", auth.Member, wire.JSON(s.getList))
	s.api(m, "GET", "/hubs", auth.Read, wire.JSON(s.getList))
	s.api(m, "GET", "/sequences", auth.Read, wire.JSON(s.getAll(func(e entities) json.RawMessage { return e.Sequences })))
	s.api(m, "GET", "/all_sequences", auth.Read, wire.JSON(s.getAll(func(e entities) json.RawMessage { return e.Sequences })))
	s.api(m, "GET", "/instances", auth.Read, wire.JSON(s.getAll(func(e entities) json.RawMessage { return e.Instances })))
	s.api(m, "GET", "/entities", auth.Read, wire.JSON(s.getEntities))
	s.api(m, "GET", "/sth/{hub}", auth.Read, wire.JSON(s.getHub))
	s.api(m, "GET", "/sth/{hub}/info", auth.Read, wire.JSON(s.getHub))
	s.api(m, "PATCH", "/sth/{hub}", auth.Admin, s.patchHub)
	s.api(m, "DELETE", "/sth/{hub}", auth.Admin, s.deleteHub)
	s.api(m, "POST", "/sth/{hub}/revoke", auth.Admin, s.postRevoke)
	s.api(m, "POST", "/disconnect", auth.Admin, s.postDisconnect)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if method != "HEAD" { // a GET pattern takes HEAD too
			s.api(m, method, "/sth/{hub}/api/v1/{rest...}", auth.Read, s.callHub)
		}
	}
}

// callHub carries a request to a Hub. That has its own rules about who may do
// what; here one must be known.
func (s *Space) callHub(w http.ResponseWriter, r *http.Request) error {
	m, err := s.lookup(r.PathValue("hub"))
	if err != nil {
		return err
	}
	c := m.current()
	if c == nil {
		return m.away()
	}
	rest := restOf(r)
	status, err := c.proxy.serve(w, r, rest)
	s.auditCall(m, r, rest, status)
	return err
}

// restOf is the escaped path below the Hub's base: what lies past as many
// segments as the pattern has before its {rest...}.
func restOf(r *http.Request) string {
	base, _, _ := strings.Cut(r.Pattern[strings.Index(r.Pattern, "/"):], "{rest...}")
	rest := r.URL.EscapedPath()
	for range strings.Count(base, "/") {
		_, rest, _ = strings.Cut(rest, "/")
	}
	return rest
}

// away says since when a Hub is not here.
func (m *member) away() error {
	rec := m.Record()
	if rec.Revoked {
		return waverider.Errorf(waverider.Unavailable, "Hub %s was revoked: it comes back when it joins with a new token", rec.Name)
	}
	since := "it has never been here"
	if !rec.Disconnected.IsZero() {
		since = "it was last here at " + rec.Disconnected.UTC().Format("2006-01-02 15:04:05 UTC") + " (" + rec.DisconnectReason + ")"
	}
	return waverider.Errorf(waverider.Unavailable, "Hub %s is not connected: %s", rec.Name, since)
}

func (s *Space) getHub(r *http.Request) (hubView, error) {
	m, err := s.lookup(r.PathValue("hub"))
	if err != nil {
		return hubView{}, err
	}
	return m.view(), nil
}

func (s *Space) getList(*http.Request) ([]hubView, error) {
	list := s.list()
	views, by := make([]hubView, 0, len(list)), s.received()
	for _, m := range list {
		views = append(views, m.viewOf(by))
	}
	return views, nil
}

// hubNameView is all that Hubs are told of each other.
type hubNameView struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	State  string            `json:"state"`
	Labels map[string]string `json:"labels,omitempty"`
}

func (s *Space) getNames(*http.Request) ([]hubNameView, error) {
	views := []hubNameView{}
	for _, m := range s.list() {
		m.mu.Lock()
		views = append(views, hubNameView{m.id, m.rec.Name, m.state(), m.rec.Labels})
		m.mu.Unlock()
	}
	return views, nil
}

// getAll gathers one kind of thing of all Hubs, as they last said.
func (s *Space) getAll(of func(entities) json.RawMessage) func(*http.Request) ([]json.RawMessage, error) {
	return func(*http.Request) ([]json.RawMessage, error) {
		all := []json.RawMessage{}
		for _, m := range s.list() {
			m.mu.Lock()
			raw := of(m.entities)
			m.mu.Unlock()
			var list []json.RawMessage
			if json.Unmarshal(raw, &list) == nil {
				all = append(all, list...)
			}
		}
		return all, nil
	}
}

type entitiesView struct {
	Hubs      []string          `json:"hubs"`
	Topics    []string          `json:"topics"`
	Sequences []json.RawMessage `json:"sequences"`
	Instances []json.RawMessage `json:"instances"`
}

func (s *Space) getEntities(r *http.Request) (v entitiesView, err error) {
	v.Hubs, v.Topics = []string{}, []string{}
	for _, m := range s.list() {
		v.Hubs = append(v.Hubs, m.id)
	}
	for _, t := range s.cfg.Topics.Topics() {
		v.Topics = append(v.Topics, string(t.Name()))
	}
	v.Sequences, _ = s.getAll(func(e entities) json.RawMessage { return e.Sequences })(r)
	v.Instances, _ = s.getAll(func(e entities) json.RawMessage { return e.Instances })(r)
	return v, nil
}

// hubChange is what can be changed of a Hub; what is missing stays. A label that
// is null goes.
type hubChange struct {
	Name   *string            `json:"name"`
	Labels map[string]*string `json:"labels"`
	Domain *string            `json:"domain"`
}

func (s *Space) patchHub(w http.ResponseWriter, r *http.Request) error {
	m, err := s.lookup(r.PathValue("hub"))
	if err != nil {
		return err
	}
	var c hubChange
	if err := wire.ReadJSON(r, &c); err != nil {
		return err
	}
	if err := s.changeHub(r.Context(), m, c); err != nil {
		return err
	}
	m.rightsChanged()
	rec := m.Record()
	detail, _ := json.Marshal(rec.settings())
	s.audit.add(auditRecord{Action: "change", Hub: m.id, Name: rec.Name, By: wire.IdentityOf(r).Subject, Detail: string(detail)})
	m.tellSettings()
	return wire.WriteJSON(w, http.StatusOK, m.view())
}

func (s *Space) changeHub(ctx context.Context, m *member, c hubChange) error {
	s.joining.Lock() // names
	defer s.joining.Unlock()
	return m.change(ctx, func(r *HubRecord) error {
		if c.Name != nil && *c.Name != r.Name {
			if err := checkHubName(*c.Name, false); err != nil {
				return err
			}
			if s.freeName(*c.Name, m.id) != *c.Name {
				return waverider.Errorf(waverider.Conflict, "another Hub has the name %s", *c.Name)
			}
			r.Name = *c.Name
		}
		if c.Domain != nil {
			if err := checkDomain(*c.Domain); err != nil {
				return err
			}
			r.Domain = *c.Domain
		}
		labels := map[string]string{}
		for k, v := range r.Labels {
			labels[k] = v
		}
		for k, v := range c.Labels {
			if v == nil {
				delete(labels, k)
			} else {
				labels[k] = *v
			}
		}
		r.Labels = labels
		return checkLabels(labels)
	})
}

// deleteHub forgets a Hub. One that is here is only removed by force: Scramjet's
// header, or ?force=true.
func (s *Space) deleteHub(w http.ResponseWriter, r *http.Request) error {
	m, err := s.lookup(r.PathValue("hub"))
	if err != nil {
		return err
	}
	force := r.Header.Get("X-Force") == "true" || r.URL.Query().Get("force") == "true"
	if m.current() != nil && !force {
		return waverider.Errorf(waverider.Conflict, "Hub %s is connected: remove it with ?force=true, or stop it first", m.Record().Name)
	}
	if err := s.remove(r.Context(), m, wire.IdentityOf(r).Subject, "removed"); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"id": m.id})
}

// remove forgets a Hub. It can join again with a new token.
func (s *Space) remove(ctx context.Context, m *member, by, why string) error {
	m.putting.Lock()
	defer m.putting.Unlock()
	m.mu.Lock()
	removed := m.removed
	m.mu.Unlock()
	if removed {
		return nil // by another; a Hub of this id may have joined since
	}
	if err := s.spend(ctx, m.id); err != nil {
		return err
	}
	if err := s.reads.save(ctx, m.id, nil); err != nil {
		return err
	}
	if err := s.hubs.Delete(ctx, m.id); err != nil && !isNotFound(err) {
		return err
	}
	m.mu.Lock()
	m.removed = true
	rec := m.rec
	m.mu.Unlock()
	s.mu.Lock()
	if s.members[m.id] == m {
		delete(s.members, m.id)
	}
	s.mu.Unlock()
	m.end("removed", "this Hub was removed from the Space")
	s.receiver.Forget(m.far())
	var all []waverider.TopicName
	for _, t := range s.cfg.Topics.Topics() {
		all = append(all, t.Name())
	}
	s.letting.add(m.id, all)
	s.audit.add(auditRecord{Action: "remove", Hub: m.id, Name: rec.Name, By: by, Detail: why})
	s.log.Info("hub removed", "hub", m.id, "name", rec.Name, "by", by)
	return nil
}

// postRevoke cuts a Hub and lets it in no more, until it joins anew.
func (s *Space) postRevoke(w http.ResponseWriter, r *http.Request) error {
	m, err := s.lookup(r.PathValue("hub"))
	if err != nil {
		return err
	}
	by := wire.IdentityOf(r).Subject
	if err := m.revoke(r.Context(), by); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, m.view())
}

func (m *member) revoke(ctx context.Context, by string) error {
	err := m.space.spend(ctx, m.id)
	if err == nil {
		err = m.change(ctx, func(r *HubRecord) error { r.Revoked = true; return nil })
	}
	m.end("revoked", "this Hub was revoked by "+by) // even if it is let in again
	detail := ""
	if err != nil {
		detail = "it was cut, but that could not be written down: it can come back"
	}
	m.space.audit.add(auditRecord{Action: "revoke", Hub: m.id, Name: m.Record().Name, By: by, Detail: detail})
	m.space.log.Info("hub revoked", "hub", m.id, "name", m.Record().Name, "by", by, "err", err)
	return err
}
