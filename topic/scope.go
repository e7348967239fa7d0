package topic

import (
	"waverider"
)

// SetDefaultScope says which scope Topics get from now on that are made without
// one. Those in memory are of their Hub, always.
func (s *Store) SetDefaultScope(scope waverider.Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.scope = scope
}

// scoped is cfg with its scope. s.mu is held.
func (s *Store) scoped(cfg waverider.TopicConfig) waverider.TopicConfig {
	if cfg.Scope == "" && cfg.Durability != waverider.DurabilityMemory {
		cfg.Scope = s.scope
	}
	return cfg
}

// stays refuses to take a Topic of the Space back to its Hub: others read what is
// there, and go on from where they are.
func stays(have waverider.TopicConfig, scope *waverider.Scope) error {
	if scope == nil || *scope == waverider.ScopeSpace || have.Scope != waverider.ScopeSpace {
		return nil
	}
	return waverider.Errorf(waverider.Conflict, "Topic %s is of the Space, whose other Hubs may have its records: it cannot be of this Hub alone again. Make another one, with scope hub", have.Name)
}
