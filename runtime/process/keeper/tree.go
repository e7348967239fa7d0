package keeper

// Kind is a way to hold a process tree together, so that all of it ends.
type Kind string

const (
	Cgroup2      Kind = "cgroup2" // cgroup.kill ends it at once
	Cgroup1      Kind = "cgroup1" // no new processes, then kill what is listed
	PIDNamespace Kind = "pidns"   // ends with its first process
	Sweep        Kind = "sweep"   // best effort: process group, parents, environment
)

// markVariable names the child in the environment of its processes: what a
// sweep looks for, and a hint for whoever reads a process list. Runners remove
// what begins with WAVERIDER_ before user code runs; this has to stay.
const markVariable = "_WAVERIDER_CHILD"

// Tree says where the processes of one child are found. It is plain data: the
// keeper uses it, and the Hub when the keeper is dead.
type Tree struct {
	Kind Kind `json:"kind"`
	// Dir is the cgroup all its processes are in, empty without one.
	Dir string `json:"dir,omitempty"`
	// Limits are the cgroups that limit it, by controller. With cgroup v2
	// they may all be Dir.
	Limits map[string]string `json:"limits,omitempty"`
	// Mark is the value of markVariable.
	Mark string `json:"mark,omitempty"`
}

// Layer names t for people.
func (t Tree) Layer() string {
	switch t.Kind {
	case Cgroup2:
		return "cgroup v2"
	case Cgroup1:
		return "cgroup v1"
	case PIDNamespace:
		return "pid namespace"
	}
	return "process group"
}
