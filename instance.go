package waverider

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"
)

// InstanceID names one run of a Sequence on one Hub.
type InstanceID string

// Status is where an Instance is in life.
type Status string

const (
	StatusInitializing Status = "initializing" // accepted, no process yet
	StatusStarting     Status = "starting"     // the runner has the package and loads it
	StatusRunning      Status = "running"      // the program is loaded
	StatusStopping     Status = "stopping"     // asked to stop, its handlers run
	StatusKilling      Status = "killing"      // being ended
	StatusRestarting   Status = "restarting"   // ended, will be started again by policy
	StatusCompleted    Status = "completed"    // ended as wished
	StatusErrored      Status = "errored"      // ended otherwise
)

// Ended reports whether no process will run for this Instance any more.
func (s Status) Ended() bool { return s == StatusCompleted || s == StatusErrored }

// RestartPolicy says what happens when an Instance ends by itself. An outage
// (power cut, death of the keeper) counts as a failure.
type RestartPolicy string

const (
	RestartNever     RestartPolicy = "never"
	RestartOnFailure RestartPolicy = "on-failure"
	RestartAlways    RestartPolicy = "always"
)

// Exit codes a runner uses, and the ones the Hub gives to a killed process.
const (
	ExitCompleted   = 0
	ExitRunner      = 11  // the runner itself failed
	ExitEnvironment = 20  // started with a bad environment
	ExitEntrypoint  = 21  // main is not there
	ExitLoad        = 22  // the program threw while being loaded
	ExitProgram     = 23  // the program threw while running
	ExitUncaught    = 101 // an uncaught exception outside the program's own chain
	ExitKilled      = 137 // killed, or died by a signal
	ExitStopped     = 138 // stopped, did not end by itself in time
)

// Terminated says how an Instance ended.
type Terminated struct {
	ExitCode int    `json:"exitcode"`
	Reason   string `json:"reason"`
}

// Limits bound what an Instance may use. Zero means the Hub's default.
type Limits struct {
	Memory int64   `json:"memory,omitempty"` // MiB
	CPU    float64 `json:"cpu,omitempty"`    // cores
	PIDs   int     `json:"pids,omitempty"`   // processes and threads
	Files  int     `json:"files,omitempty"`  // open files per process
}

// The most a limit can be: more than any machine has, and small enough to count
// in bytes and microseconds.
const (
	maxMemory = 1 << 30 // MiB
	maxCPU    = 1 << 20
	maxCount  = 1 << 30
)

// Problem names the first field of l that no machine can honour and what it has
// to be; both are empty when all is well.
func (l Limits) Problem() (field, want string) {
	switch {
	case l.Memory < 0 || l.Memory > maxMemory:
		return "memory", fmt.Sprintf("a whole number of MiB from 0 to %d", maxMemory)
	case l.CPU < 0 || l.CPU > maxCPU:
		return "cpu", fmt.Sprintf("a number of cores from 0 to %d", maxCPU)
	case l.PIDs < 0 || l.PIDs > maxCount:
		return "pids", fmt.Sprintf("a whole number of processes from 0 to %d", maxCount)
	case l.Files < 0 || l.Files > maxCount:
		return "files", fmt.Sprintf("a whole number of open files from 0 to %d", maxCount)
	}
	return "", ""
}

// StartRequest is the body of a start. Unknown fields are ignored.
type StartRequest struct {
	AppConfig   json.RawMessage `json:"appConfig,omitempty"`
	Args        json.RawMessage `json:"args,omitempty"`
	InstanceID  InstanceID      `json:"instanceId,omitempty"`
	InputTopic  string          `json:"inputTopic,omitempty"`
	OutputTopic string          `json:"outputTopic,omitempty"`
	InputType   string          `json:"inputType,omitempty"`  // content type of the input Topic, where it does not exist
	OutputType  string          `json:"outputType,omitempty"` // content type of the output, where the program declares none
	Limits      Limits          `json:"limits,omitzero"`
	Restart     RestartPolicy   `json:"restart,omitempty"`
	Ack         Ack             `json:"ack,omitempty"`       // of an input Topic; "" is what the package says
	ReadAhead   int             `json:"readAhead,omitempty"` // records a program may hold that takes more than one at a time
}

// instanceIDLength is what Scramjet's clients send and expect.
const instanceIDLength = 36

// Validate checks what does not depend on a Hub; an InstanceID may be absent.
// AppConfig and Args are left to who knows whether they are JSON.
func (r StartRequest) Validate() error {
	if r.InstanceID != "" && !r.InstanceID.valid() {
		return Errorf(Invalid, "instanceId: want %d letters, digits, \"-\", \"_\" or \".\", for example a UUID", instanceIDLength)
	}
	switch r.Restart {
	case "", RestartNever, RestartOnFailure, RestartAlways:
	default:
		return Errorf(Invalid, "restart: want never, on-failure or always, not %q", r.Restart)
	}
	if field, want := r.Limits.Problem(); field != "" {
		return Errorf(Invalid, "limits.%s: want %s", field, want)
	}
	return r.validateTopics()
}

// MaxReadAhead is the most records a program may be let hold unfinished.
const MaxReadAhead = 1 << 16

func (r StartRequest) validateTopics() error {
	for _, topic := range [][2]string{{"inputTopic", r.InputTopic}, {"outputTopic", r.OutputTopic}} {
		if _, err := ParseTopicName(topic[1]); err != nil && topic[1] != "" {
			return Errorf(Invalid, "%s: %s", topic[0], err)
		}
	}
	for _, kind := range [][2]string{{"inputType", r.InputType}, {"outputType", r.OutputType}} {
		if known, err := ParseContentType(kind[1]); kind[1] != "" && known != kind[1] {
			return Errorf(Invalid, "%s: %v", kind[0], cmp.Or(err, error(Errorf(Invalid, "want %s", known))))
		}
	}
	switch r.Ack {
	case "", AckAuto, AckSave:
	default:
		return Errorf(Invalid, "ack: want auto or save, not %.100q", string(r.Ack))
	}
	if r.ReadAhead < 0 || r.ReadAhead > MaxReadAhead {
		return Errorf(Invalid, "readAhead: want a whole number of records from 0 to %d", MaxReadAhead)
	}
	return nil
}

// valid keeps ids fit for file names and URLs.
func (id InstanceID) valid() bool {
	if len(id) != instanceIDLength || id[0] == '.' {
		return false
	}
	for _, c := range id {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// Times of an Instance's life; zero means not yet.
type Times struct {
	Created time.Time `json:"created,omitzero"`
	Started time.Time `json:"started,omitzero"`
	Ended   time.Time `json:"ended,omitzero"`
}
