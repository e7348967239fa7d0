package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"waverider"
)

// SpaceService is the Service of Version where a Space answers.
const SpaceService = "@scramjet/manager"

// Space is what answers under one address.
type Space struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Spaces lists what answers: one.
func (c *Client) Spaces(ctx context.Context) (list []Space, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "spaces")
}

// States of a Hub in its Space.
const (
	HubConnected = "connected"
	HubAway      = "away"
	HubRevoked   = "revoked"
)

// Hub is a Hub as its Space shows it. What the Hub says of itself is believed by
// nobody: Load, Instances and Topics are empty where it makes no sense.
type Hub struct {
	ID               string            `json:"id"`
	Name             string            `json:"name"`
	State            string            `json:"state"`
	Labels           map[string]string `json:"labels"`
	Domain           string            `json:"domain"`
	Address          string            `json:"address"` // it comes from
	Build            string            `json:"build"`
	LastSeen         time.Time         `json:"lastSeen"`
	DisconnectReason string            `json:"disconnectReason"`
	RTT              float64           `json:"rttMs"`  // milliseconds
	Lag              uint64            `json:"lag"`    // records that the Space does not have yet
	Behind           uint64            `json:"behind"` // records of the Space that it does not have yet
	Missed           uint64            `json:"missed"` // records that were gone before they could be sent
	Reads            []string          `json:"reads"`  // Topics it wants from the Space
	Clone            *CloneNotice      `json:"clone"`
	Times            struct {
		Joined       time.Time `json:"created"`
		Connected    time.Time `json:"lastConnected"`
		Disconnected time.Time `json:"lastDisconnected"`
	} `json:"info"`

	Load      *Load      `json:"-"` // nil: it has not said
	Sequences []Sequence `json:"-"`
	Instances []Instance `json:"-"`
	Topics    []string   `json:"-"`

	Raw json.RawMessage `json:"-"` // the whole object
}

// CloneNotice tells of another Hub that came with the identity of this one.
type CloneNotice struct {
	At     time.Time `json:"at"`
	Remote string    `json:"remote"`
	Name   string    `json:"name"`
}

// UnmarshalJSON keeps the whole object beside the fields known here.
func (h *Hub) UnmarshalJSON(data []byte) error {
	type plain Hub
	h.Raw = append(h.Raw[:0], data...)
	if err := json.Unmarshal(data, (*plain)(h)); err != nil {
		return err
	}
	var own struct{ Load, Sequences, Instances, Topics json.RawMessage }
	if err := json.Unmarshal(data, &own); err != nil {
		return err
	}
	h.Load = said[*Load](own.Load)
	h.Sequences, h.Instances, h.Topics = said[[]Sequence](own.Sequences), said[[]Instance](own.Instances), said[[]string](own.Topics)
	return nil
}

// said reads what a Hub has told its Space; nothing where that makes no sense.
func said[T any](raw json.RawMessage) (v T) {
	if len(raw) == 0 || json.Unmarshal(raw, &v) != nil {
		return *new(T)
	}
	return v
}

// MarshalJSON gives the object as the Space sent it.
func (h Hub) MarshalJSON() ([]byte, error) {
	if len(h.Raw) > 0 {
		return h.Raw, nil
	}
	type plain Hub
	return json.Marshal(plain(h))
}

// Running is how many of its Instances have not ended, as far as the Space knows.
func (h Hub) Running() (n int) {
	for _, i := range h.Instances {
		if !i.Status.Ended() {
			n++
		}
	}
	return n
}

// Hubs lists those of the Space, by name.
func (c *Client) Hubs(ctx context.Context) (list []Hub, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "hubs")
}

// Hub finds one by id, name, or the start of its id.
func (c *Client) Hub(ctx context.Context, ref string) (h Hub, err error) {
	return h, c.json(ctx, http.MethodGet, nil, &h, "sth", ref)
}

// HubChange is what can be changed of a Hub; nil stays as it is, and a label
// that is nil goes.
type HubChange struct {
	Name   *string            `json:"name,omitempty"`
	Labels map[string]*string `json:"labels,omitempty"`
	Domain *string            `json:"domain,omitempty"`
}

// ChangeHub changes what the Space calls a Hub. The Hub is told.
func (c *Client) ChangeHub(ctx context.Context, ref string, change HubChange) (h Hub, err error) {
	return h, c.json(ctx, http.MethodPatch, change, &h, "sth", ref)
}

// RevokeHub cuts a Hub and lets it in no more, until it joins anew with a token.
func (c *Client) RevokeHub(ctx context.Context, ref string) (h Hub, err error) {
	return h, c.json(ctx, http.MethodPost, nil, &h, "sth", ref, "revoke")
}

// DisconnectHub cuts a Hub, which comes back by itself.
func (c *Client) DisconnectHub(ctx context.Context, ref string) error {
	return c.json(ctx, http.MethodPost, map[string]string{"id": ref}, nil, "disconnect")
}

// RemoveHub forgets a Hub. The error is Conflict when it is connected, unless by
// force.
func (c *Client) RemoveHub(ctx context.Context, ref string, force bool) (id string, err error) {
	k := call{method: http.MethodDelete, path: []string{"sth", ref}, header: http.Header{"Accept": {"application/json"}}}
	if force {
		k.header.Set("X-Force", "true")
	}
	var gone struct{ ID string }
	err = c.decode(ctx, k, &gone)
	return gone.ID, err
}

// JoinTokenRequest says what a Hub that joins with a token is called. Expires is
// from now; 0: 15 minutes.
type JoinTokenRequest struct {
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Domain  string            `json:"domain,omitempty"`
	Expires waverider.Age     `json:"expires,omitempty"`
}

// JoinToken lets one Hub join a Space, once.
type JoinToken struct {
	ID      string            `json:"id"`
	State   string            `json:"state"` // open, used or expired
	Name    string            `json:"name,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"`
	Domain  string            `json:"domain,omitempty"`
	Created time.Time         `json:"created"`
	By      string            `json:"by"`
	Expires time.Time         `json:"expires"`
	Used    time.Time         `json:"used,omitzero"`
	UsedBy  string            `json:"usedBy,omitempty"` // id of the Hub
	Token   string            `json:"token,omitempty"`  // the secret, of a new one only
}

// CreateJoinToken makes a token. Only this answer has its text.
func (c *Client) CreateJoinToken(ctx context.Context, req JoinTokenRequest) (t JoinToken, err error) {
	return t, c.json(ctx, http.MethodPost, req, &t, "tokens")
}

// JoinTokens lists the tokens, and for a day those that have ended.
func (c *Client) JoinTokens(ctx context.Context) (list []JoinToken, err error) {
	return list, c.json(ctx, http.MethodGet, nil, &list, "tokens")
}

// DeleteJoinToken makes a token of no use.
func (c *Client) DeleteJoinToken(ctx context.Context, id string) error {
	return c.json(ctx, http.MethodDelete, nil, nil, "tokens", id)
}
