package testspace

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
)

// What the commands of the binary are called and print, and where the Space's
// API has what the rigs look at: all that is known of it here.

const role = "space"

// adminToken is how a Space prints the token of its first start.
var adminToken = regexp.MustCompile(`[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}`)

// Token makes a join token, for a Hub of that name.
func (s *Space) Token(ctx context.Context, name string) (string, error) {
	var made struct{ Token string }
	err := s.JSON(ctx, http.MethodPost, "/tokens", map[string]string{"name": name}, &made)
	return made.Token, err
}

// joinFlags are those of a Hub that joins; token is empty when it has joined.
func joinFlags(spaceURL, token string) []string {
	flags := []string{"--space", spaceURL}
	if token != "" {
		flags = append(flags, "--join", token)
	}
	return flags
}

// LinkedHub is what the rigs look at of a Hub that a Space knows.
type LinkedHub struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Connected bool   `json:"isConnectionActive"`
	Refused   string `json:"disconnectReason"`

	Clone json.RawMessage `json:"clone"` // of another with its identity
}

// Hubs lists the Hubs that the Space knows.
func (s *Space) Hubs(ctx context.Context) (list []LinkedHub, err error) {
	err = s.JSON(ctx, http.MethodGet, "/list", nil, &list)
	return list, err
}

// hubPath is where the Space has the API of a Hub.
func hubPath(id string) string { return "/sth/" + url.PathEscape(id) + "/api/v1" }

// Link is what a Hub says of its Link.
type Link struct {
	State   string `json:"state"`
	Problem string `json:"problem"`
	Notice  string `json:"notice"`
}

// Connected tells that the Space is there.
func (l Link) Connected() bool { return l.State == "connected" }

// Refused tells that the Space does not want this Hub.
func (l Link) Refused() bool { return l.State == "refused" && l.Problem != "" }

// Link asks a Hub for its Link.
func (h *Hub) Link(ctx context.Context) (Link, error) {
	var status struct {
		Space Link `json:"space"`
	}
	err := h.JSON(ctx, http.MethodGet, "/status", nil, &status)
	return status.Space, err
}
