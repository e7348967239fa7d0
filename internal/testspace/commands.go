package testspace

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// What the commands of the binary are called and print, and where the Space's
// API has what the rigs look at: all that is known of it here.

const role = "space"

// adminToken is how a Space prints the token of its first start.
var adminToken = regexp.MustCompile(`[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}`)

// tokenCommand makes a join token.
func tokenCommand(spaceURL, admin string) []string {
	return []string{"space", "token", "create", "--space", spaceURL, "--token", admin}
}

// printedToken is the join token in what tokenCommand printed.
func printedToken(out string) (string, error) {
	fields := strings.Fields(out)
	if len(fields) == 0 {
		return "", errors.New("no join token was printed")
	}
	return slices.MaxFunc(fields, func(a, b string) int { return len(a) - len(b) }), nil
}

// joinFlags are those of a Hub that joins; token is empty when it has joined.
func joinFlags(spaceURL, token, name string) []string {
	flags := []string{"--space", spaceURL}
	if token != "" {
		flags = append(flags, "--join", token)
	}
	if name != "" {
		flags = append(flags, "--id", name)
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
	Space     string `json:"space"`
	Connected bool   `json:"connected"`
	Refused   string `json:"refused"`
}

// Link asks a Hub for its Link.
func (h *Hub) Link(ctx context.Context) (Link, error) {
	var status struct {
		Link Link `json:"link"`
	}
	err := h.JSON(ctx, http.MethodGet, "/status", nil, &status)
	return status.Link, err
}
