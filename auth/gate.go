package auth

import "strings"

// Gate decides who a caller is, for one listener.
type Gate struct {
	// Open lets everyone in as admin: a Hub without tokens on loopback.
	Open bool
	// Key checks tokens. A Gate that is not Open needs one.
	Key *Key
	// Instances is set for the socket that Instances call: only there their
	// tokens are good, so that one that leaks is of no use from outside.
	Instances bool
}

// Identify reads an Authorization header. Without one the caller is unknown,
// which is no error yet: public routes take them.
func (g *Gate) Identify(authorization string) (Identity, error) {
	if g.Open {
		return Identity{Subject: "local", Role: RoleAdmin}, nil
	}
	if authorization == "" {
		return Identity{}, nil
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") || g.Key == nil {
		return Identity{}, errBadToken
	}
	id, err := g.Key.Verify(strings.TrimSpace(token))
	if err == nil && id.Role == RoleInstance && !g.Instances {
		return Identity{}, errBadToken
	}
	return id, err
}
