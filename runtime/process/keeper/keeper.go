// Package keeper is the parent of the programs a Hub runs, in a process of its
// own: one per data folder, so that the Hub can be killed and upgraded under
// running programs. It holds the pipe ends of their stdio and hands them to
// whichever Hub attaches, records how they end, and ends whole process trees.
// What a program is and says is left to the Hub; so is every decision.
//
// Four processes of the same binary meet here. The Hub holds a Client. It
// starts "__keeper DIR", which runs Main. That one starts "__init" for each
// program, which runs InitMain: it shuts itself in and becomes the program. And
// it starts one "__warden", which runs WardenMain: it outlives a keeper that is
// killed, and ends what is left.
package keeper

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"waverider"
)

// The hidden commands a binary must hand to Main, InitMain and WardenMain
// before it does anything else.
const (
	Command       = "__keeper"
	InitCommand   = "__init"
	WardenCommand = "__warden"
)

// DefaultOrphanAfter is how long programs run on without a Hub.
const DefaultOrphanAfter = 24 * time.Hour

var (
	// ErrGone means that the keeper is dead, and all it kept with it.
	ErrGone = errors.New("keeper is gone")
	// ErrFenced means that another Hub process has attached since.
	ErrFenced = errors.New("another Hub has taken over the keeper")
	// ErrUnknown means that the keeper has no such child.
	ErrUnknown = errors.New("no such child")
)

// Config is what Connect must know.
type Config struct {
	Dir         string        // data folder; the keeper lives in DIR/run
	Executable  string        // binary to start as keeper; empty: this one
	OrphanAfter time.Duration // 0: DefaultOrphanAfter
	// Trees are the ways to hold a process tree together the keeper may try,
	// best first. Empty: all. It counts for a keeper's first Hub only.
	Trees []Kind
	Log   *slog.Logger
}

func (c *Config) run() string { return filepath.Join(c.Dir, "run") }

// Spec is one program to run.
type Spec struct {
	ID     string // of the child, unique for ever: letters, digits, "-"
	Label  string // for people: whose program it is
	Argv   []string
	Env    []string
	Dir    string // working folder
	Limits waverider.Limits
	// Assigned children outlive the Hub's connection. The others are killed
	// with it, until Assign.
	Assigned bool
}

// Child is what the keeper knows of a program it started.
type Child struct {
	ID       string `json:"id"`
	Label    string `json:"label,omitempty"`
	PID      int    `json:"pid"`
	Started  uint64 `json:"started"` // clock ticks since boot, tells reused pids apart
	Tree     Tree   `json:"tree"`
	Assigned bool   `json:"assigned"`
	Exit     *Exit  `json:"exit,omitempty"` // set once its whole tree is gone
}

// Exit is how a child ended.
type Exit struct {
	Code   int       `json:"code"` // 128+signal when killed by a signal
	Signal string    `json:"signal,omitempty"`
	At     time.Time `json:"at"`
}

// Files are the Hub's ends of a child's pipes. Nil: closed before.
type Files struct {
	Stdin, Stdout, Stderr, Log *os.File
	// Report ends when the program runs; what it says before is a Report.
	// Only Spawn gives it.
	Report *os.File
}

// Close closes all of f.
func (f *Files) Close() {
	for _, file := range []*os.File{f.Stdin, f.Stdout, f.Stderr, f.Log, f.Report} {
		if file != nil {
			file.Close()
		}
	}
}

// Report is what __init says before it becomes the program.
type Report struct {
	Layers  []string `json:"layers,omitempty"`
	Missing []string `json:"missing,omitempty"`
	Error   string   `json:"error,omitempty"` // the program does not run
}

// hubMark tells apart the programs of different data folders on one machine.
func hubMark(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	sum := sha256.Sum256([]byte(dir))
	return hex.EncodeToString(sum[:6])
}
