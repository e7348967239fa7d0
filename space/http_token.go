package space

import (
	"net/http"
	"time"

	"waverider/auth"
	"waverider/wire"
)

func (s *Space) tokenRoutes(m *wire.Mux) {
	s.api(m, "POST", "/tokens", auth.Admin, s.postToken)
	s.api(m, "GET", "/tokens", auth.Admin, wire.JSON(s.getTokens))
	s.api(m, "DELETE", "/tokens/{id}", auth.Admin, s.removeToken)
}

// tokenView is a join token without its secret.
type tokenView struct {
	ID      string            `json:"id"`
	State   string            `json:"state"` // open, used or expired
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Domain  string            `json:"domain,omitempty"`
	Created time.Time         `json:"created"`
	By      string            `json:"by"`
	Expires time.Time         `json:"expires"`
	Used    time.Time         `json:"used,omitzero"`
	UsedBy  string            `json:"usedBy,omitempty"`
	Token   string            `json:"token,omitempty"` // once, in the answer to POST
}

func (rec TokenRecord) view(now time.Time) tokenView {
	v := tokenView{ID: rec.ID, State: "open", Name: rec.Name, Labels: rec.Labels, Domain: rec.Domain, Created: rec.Created, By: rec.By,
		Expires: rec.Expires, Used: rec.Used, UsedBy: rec.UsedBy}
	switch {
	case !rec.Used.IsZero():
		v.State = "used"
	case now.After(rec.Expires):
		v.State = "expired"
	}
	return v
}

func (s *Space) postToken(w http.ResponseWriter, r *http.Request) error {
	var req TokenRequest
	if err := wire.ReadJSON(r, &req); err != nil {
		return err
	}
	by := wire.IdentityOf(r).Subject
	rec, text, err := s.createToken(r.Context(), req, by)
	if err != nil {
		return err
	}
	s.audit.add(auditRecord{Action: "token create", Name: rec.ID, By: by, Detail: rec.Name})
	v := rec.view(time.Now())
	v.Token = text
	return wire.WriteJSON(w, http.StatusCreated, v)
}

func (s *Space) getTokens(r *http.Request) ([]tokenView, error) {
	list, err := s.tokens.List(r.Context())
	if err != nil {
		return nil, err
	}
	views := make([]tokenView, 0, len(list))
	for _, item := range list {
		views = append(views, item.Value.view(time.Now()))
	}
	return views, nil
}

func (s *Space) removeToken(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if err := s.deleteToken(r.Context(), id); err != nil {
		return err
	}
	s.audit.add(auditRecord{Action: "token delete", Name: id, By: wire.IdentityOf(r).Subject})
	return wire.WriteJSON(w, http.StatusOK, struct{}{})
}
