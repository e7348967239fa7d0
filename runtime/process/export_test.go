package process

import (
	"encoding/json"

	"waverider/runtime"
)

// Waiting is how many runners of a language wait.
func (r *Runtime) Waiting(language string) int {
	r.mu.Lock()
	p := r.pools[language]
	r.mu.Unlock()
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// HandlePID reads a handle, which is opaque to others.
func HandlePID(h runtime.Handle) (int, error) {
	var known handle
	err := json.Unmarshal(h, &known)
	return known.PID, err
}

// PoolSize is c.size.
func PoolSize(c PoolConfig, memory int64) int { return c.size(memory) }
