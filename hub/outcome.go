package hub

import (
	"encoding/json"
	"errors"
	"fmt"

	"waverider"
	"waverider/hub/journal"
	"waverider/runtime"
)

// failedMessage is a runner's last words.
type failedMessage struct {
	Phase    string `json:"phase"`
	ExitCode int    `json:"exitCode"`
	Message  string `json:"message"`
	Stack    string `json:"stack"`
}

// reasonStopped is that of an Instance which ended after a stop.
const reasonStopped = "Instance stopped"

// inputMessage fixes the type of the input.
type inputMessage struct {
	ContentType string `json:"contentType"`
}

// outcome tells what a run's end means: for the user, and for the restart rule.
func outcome(rec journal.Instance, end runEnd) (waverider.Status, waverider.Terminated, ended) {
	e := ended{wished: rec.Wish != ""}
	code := end.exit.Code
	switch {
	case rec.Wish == journal.WishKill:
		return waverider.StatusCompleted, waverider.Terminated{ExitCode: waverider.ExitKilled, Reason: "Instance killed"}, e
	case rec.Wish == journal.WishStop && end.err == nil && (code == 0 || end.exit.Signal != "" || code == waverider.ExitKilled || code == waverider.ExitStopped):
		if code != 0 {
			code = waverider.ExitStopped
		}
		return waverider.StatusCompleted, waverider.Terminated{ExitCode: code, Reason: reasonStopped}, e
	case end.again:
		e.again = true
		return waverider.StatusErrored, waverider.Terminated{ExitCode: waverider.ExitKilled, Reason: "Instance started anew: its input could not go on"}, e
	}
	e.failed = true
	t := waverider.Terminated{ExitCode: code}
	switch {
	case errors.Is(end.err, runtime.ErrLost):
		t.ExitCode, t.Reason = waverider.ExitKilled, "Instance lost: its keeper died or the machine was restarted"
	case end.err != nil:
		t.ExitCode, t.Reason = waverider.ExitRunner, "Instance not started"
		e.final = waverider.KindOf(end.err) != waverider.Internal
	case end.exit.Signal != "":
		t.ExitCode, t.Reason = waverider.ExitKilled, fmt.Sprintf("Instance ended by %s", end.exit.Signal)
	case code == waverider.ExitCompleted:
		e.failed = false
		return waverider.StatusCompleted, waverider.Terminated{ExitCode: 0, Reason: "Instance completed"}, e
	default:
		t.Reason = reasonOf(code, rec)
		e.final = code == waverider.ExitEntrypoint || code == waverider.ExitLoad || code == waverider.ExitEnvironment
	}
	return waverider.StatusErrored, t, e
}

// reasonOf is the exit table's text for a code; Scramjet's words where it has some.
func reasonOf(code int, rec journal.Instance) string {
	switch code {
	case waverider.ExitEnvironment:
		return "Runner was started with invalid configuration"
	case waverider.ExitEntrypoint:
		var config struct {
			Entry string `json:"entrypointPath"`
		}
		_ = json.Unmarshal(rec.Package, &config)
		return fmt.Sprintf("Sequence entrypoint path %s is invalid. Check `main` field in Sequence package.json", config.Entry)
	case waverider.ExitLoad:
		return "Sequence failed on start"
	case waverider.ExitProgram:
		return "Sequence failed during execution"
	}
	return "Runner failed"
}
