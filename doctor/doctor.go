// Package doctor is what `waverider doctor` does: it looks at this machine and
// at a Hub, and tells what is well, what is not, and what to do about it. It
// changes nothing.
package doctor

import (
	"context"
	"fmt"
	"time"

	"waverider/client"
)

// State of a finding.
type State string

const (
	OK   State = "ok"
	Skip State = "skip" // could not be looked at, which is no fault
	Warn State = "warn" // works, but should be known
	Fail State = "fail"
)

// Finding is the result of one check.
type Finding struct {
	Check string `json:"check"`
	State State  `json:"state"`
	Text  string `json:"text"`
	Do    string `json:"do,omitempty"` // the next step
}

// Config of Examine.
type Config struct {
	Version string // of this program
	DataDir string // where a Hub of this machine keeps its data unless told otherwise
	Hub     client.Config
	Named   bool // the Hub was named: that it is away is a fault then
}

// checkTime bounds each check: a doctor that hangs is of no use.
const checkTime = 10 * time.Second

// Examine runs all checks, one after the other.
func Examine(ctx context.Context, cfg Config) []Finding {
	all := []Finding{{"waverider", OK, platform(cfg.Version), ""}}
	for _, check := range []func(context.Context) []Finding{node, npm, scramjet, python, sandbox, files} {
		all = append(all, bounded(ctx, check)...)
	}
	return append(all, bounded(ctx, func(ctx context.Context) []Finding { return hub(ctx, cfg) })...)
}

func bounded(ctx context.Context, check func(context.Context) []Finding) []Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	return check(ctx)
}

func one(check string, state State, text string, args ...any) []Finding {
	return []Finding{{Check: check, State: state, Text: fmt.Sprintf(text, args...)}}
}

// do adds the next step to a finding.
func do(f []Finding, step string, args ...any) []Finding {
	f[len(f)-1].Do = fmt.Sprintf(step, args...)
	return f
}

// Failed counts the findings that are faults.
func Failed(all []Finding) (n int) {
	for _, f := range all {
		if f.State == Fail {
			n++
		}
	}
	return n
}
