// Package runtime is the contract between a Hub and the ways to run a
// Sequence: as a process, as a WASM module, in a container. It leaves the
// decision what runs, and what becomes of its bytes, to the Hub; the suite in
// runtimetest holds every implementation to this contract.
package runtime

import (
	"context"
	"io"
	"time"

	"waverider"
	"waverider/logfile"
	"waverider/runner"
)

// Spec is everything a Runtime must know to run one Instance.
type Spec struct {
	ID       string // slot: the Instance's id
	Language string // "node", "python3", …
	Package  string // folder of the unpacked package, read-only by convention
	Dir      string // slot folder; Start makes it, or goes on in the one that is there
	Logs     string // folder of its Logs, out of the program's way; as Dir
	Start    runner.Start
	Limits   waverider.Limits
	Grants   Grants
	LogLimit int64 // bytes kept of each of stdout, stderr and log; 0 = 16 MiB
}

// Grants is what an Instance may reach besides its own slot folder and
// package. Enforced by the sandbox layers that exist; Applied tells which.
type Grants struct {
	Network bool
	Read    []string
	Write   []string
	Env     map[string]string
}

// Handle is what a Hub journals to find a Process again after a restart. It
// is opaque to the Hub, holds a secret, and is versioned by its Runtime.
type Handle []byte

// Runtime runs Instances. All methods are safe for concurrent use.
type Runtime interface {
	// Start runs spec. It returns once the process exists (not when the
	// program is loaded: that is a runner message). On error nothing of it is
	// left but its Logs.
	Start(ctx context.Context, spec Spec) (Process, error)
	// Attach finds a Process started earlier, also one that has ended since
	// and whose Exit was not yet Released. ErrLost when nothing is known of it.
	Attach(ctx context.Context, h Handle, spec Spec) (Process, error)
	// Engines tells the languages this Runtime can run here, with versions:
	// {"node": "20.20.2"}.
	Engines() map[string]string
}

// Process is one running Instance, near at hand. It lives until Release.
type Process interface {
	Handle() Handle
	// Session is the runner channel: input, output, messages.
	Session() *runner.Session
	// Stdin is the program's standard input, nil once it has ended; Close ends
	// it. Writes block while the program does not read.
	Stdin() io.WriteCloser
	// Log is the kept text of "stdout", "stderr" or "log". It is whole once Wait
	// has returned, takes Appends until Release finishes it, and goes on being
	// readable until its folder is removed.
	Log(name string) *logfile.Log
	// Kill ends the whole process tree now. It does not wait.
	Kill() error
	// Wait returns when the process tree is gone and its stdout, stderr and
	// log are stored whole. ErrLost when the keeper died with it; another error
	// after Detach.
	Wait(ctx context.Context) (Exit, error)
	// Usage is what the tree uses now.
	Usage() (Usage, error)
	// Applied tells the limits and sandbox layers that are in force.
	Applied() Applied
	// Detach lets go of a running Process and leaves it running.
	Detach() error
	// Release forgets an ended Process: after it Attach answers ErrLost.
	Release() error
}

// Exit is how a process ended.
type Exit struct {
	Code   int    // exit code; 128+signal when killed by a signal
	Signal string // "SIGKILL", …, or empty
	At     time.Time
}

// Usage of a whole process tree.
type Usage struct {
	Memory    int64         // bytes resident
	CPU       time.Duration // user and system time so far
	Processes int
	PID       int // the runner's own
}

// Applied names what bounds an Instance, for people to read: "cgroup v2",
// "rlimits", "no-new-privileges".
type Applied struct {
	Layers  []string `json:"layers"`
	Missing []string `json:"missing,omitempty"` // wanted but not possible here, with the reason
}
