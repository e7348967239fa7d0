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

// HoldFor names a durable reader that never expires: Topics that get the scope
// space from now on, made with it or promoted, have the reader in the same write,
// and so hold for it all they have. "" is none.
func (s *Store) HoldFor(reader string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holdFor = reader
}

// held is the reader that a Topic is to hold its records for as it gets the scope
// space; "" when there is none.
func (s *Store) held(cfg waverider.TopicConfig) string {
	if cfg.Scope != waverider.ScopeSpace || cfg.Durability == waverider.DurabilityMemory {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.holdFor
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
