package auth

import (
	"strings"
	"sync"
	"sync/atomic"
)

// Gate decides who a caller is, for one listener.
type Gate struct {
	// Open lets everyone in as admin: a Hub without tokens on loopback.
	Open bool
	// As is who everybody is that comes in here, when it has a role: a listener
	// on a connection whose other end is known.
	As Identity
	// Key checks tokens.
	Key *Key
	// Signer checks tokens that another has signed for Audience: those of a Space
	// for one of its Hubs.
	Signer   PublicKey
	Audience string
	// Via names the Signer in the identities it vouches for.
	Via string
	// Instances is set for the socket that Instances call: only there their
	// tokens are good, so that one that leaks is of no use from outside.
	Instances bool

	known sync.Map // of tokens by Signer: who they are of; it signs few
	count atomic.Int32
}

// knownMost bounds what a Gate remembers of tokens.
const knownMost = 1000

// Identify reads an Authorization header. Without one the caller is unknown,
// which is no error yet: public routes take them.
func (g *Gate) Identify(authorization string) (Identity, error) {
	if g.Open {
		return Identity{Subject: "local", Role: RoleAdmin}, nil
	}
	if g.As.Role != "" {
		return g.As, nil
	}
	if authorization == "" {
		return Identity{}, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return Identity{}, errBadToken
	}
	token = strings.TrimSpace(token)
	if !g.Signer.IsZero() {
		return g.signed(token)
	}
	if g.Key == nil {
		return Identity{}, errBadToken
	}
	id, err := g.Key.Verify(token)
	if err == nil && id.Role == RoleInstance && !g.Instances {
		return Identity{}, errBadToken
	}
	return id, err
}

// signed looks at each token once.
func (g *Gate) signed(token string) (Identity, error) {
	if id, ok := g.known.Load(token); ok {
		return id.(Identity), nil
	}
	id, err := g.Signer.VerifyFor(token, g.Audience)
	if err == nil && id.Role == RoleInstance {
		return Identity{}, errBadToken
	}
	id.Via = g.Via
	if err == nil && g.count.Add(1) <= knownMost {
		g.known.Store(token, id)
	}
	return id, err
}
