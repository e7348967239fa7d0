package auth

import "waverider"

// Rule says who may use a route. The zero Rule is none: wire refuses to
// register a route that carries it.
type Rule int

const (
	Public Rule = iota + 1 // everyone, also without a token
	Member                 // who belongs to a Space: its Hubs, and all who may look
	Read                   // who may look: viewer and above
	Run                    // who may run Sequences and move data: operator, Instances
	Admin                  // who owns this Hub or Space
)

func (r Rule) String() string {
	switch r {
	case Public:
		return "public"
	case Member:
		return "member"
	case Read:
		return "read"
	case Run:
		return "run"
	case Admin:
		return "admin"
	}
	return "none"
}

// Role is what a token says its bearer is.
type Role string

const (
	RoleViewer   Role = "viewer"   // looks at everything, changes nothing
	RoleOperator Role = "operator" // runs Sequences and moves data
	RoleAdmin    Role = "admin"    // everything
	RoleInstance Role = "run"      // an Instance calling its own Hub
	RoleHub      Role = "hub"      // a Hub calling its Space
)

// Known reports whether r is one of the roles above.
func (r Role) Known() bool {
	switch r {
	case RoleViewer, RoleOperator, RoleAdmin, RoleInstance, RoleHub:
		return true
	}
	return false
}

// may is the whole policy: one row a role.
func (r Role) may(rule Rule) bool {
	switch r {
	case RoleAdmin:
		return rule >= Public && rule <= Admin
	case RoleOperator, RoleInstance:
		return rule >= Public && rule <= Run
	case RoleViewer:
		return rule >= Public && rule <= Read
	case RoleHub:
		return rule == Public || rule == Member
	}
	return rule == Public
}

// Identity is who calls. The zero Identity is an unknown caller, who may use
// public routes only.
type Identity struct {
	Subject string // a person's name, or the id of an Instance
	Role    Role
	Token   string // id of the token (jti), never the token itself
	Via     string // who has vouched for the caller: "space"; empty: nobody
}

// Instance is the calling Instance's id, empty when the caller is none.
func (id Identity) Instance() waverider.InstanceID {
	if id.Role != RoleInstance {
		return ""
	}
	return waverider.InstanceID(id.Subject)
}

// Allow is nil when id may use a route with this rule.
func (id Identity) Allow(rule Rule) error {
	switch {
	case id.Role.may(rule):
		return nil
	case id.Role == "":
		return errNoToken
	}
	return waverider.Errorf(waverider.Forbidden, "role %s is not allowed to do this: it needs the right to %q", id.Role, rule)
}
