package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"waverider"
	"waverider/runtime/process/keeper"
)

// probe is what the program that is tried is limited to.
var probe = waverider.Limits{Memory: 128, CPU: 1, PIDs: 64, Files: 256}

// sandbox runs a program as an Instance is run, and tells what holds it.
func sandbox(ctx context.Context) []Finding {
	report, err := tryProgram(ctx)
	if err != nil {
		return do(one("sandbox", Fail, "a program cannot be started as an Instance is: %v", err),
			"run as a user that may start processes, and look for what forbids it (seccomp of a container, a full disk, limits)")
	}
	found := one("sandbox", OK, "%s", strings.Join(report.Layers, ", "))
	if len(report.Missing) == 0 {
		return found
	}
	found[0].State = Warn
	return append(found[:0:0], Finding{
		Check: "sandbox", State: Warn,
		Text: fmt.Sprintf("%s; not possible here: %s", found[0].Text, strings.Join(report.Missing, "; ")),
		Do:   "run the Hub as root or as a service with Delegate=yes, so that it may use cgroups",
	})
}

func tryProgram(ctx context.Context) (report keeper.Report, err error) {
	dir, err := os.MkdirTemp("", "waverider-doctor-")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return report, err
	}
	c, err := keeper.Connect(ctx, keeper.Config{Dir: dir})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, c.Shutdown(context.WithoutCancel(ctx)), c.Close()) }()
	_, report, files, err := c.Spawn(ctx, keeper.Spec{
		ID: "doctor", Label: "doctor", Argv: []string{self, "version"}, Dir: dir, Limits: probe, Assigned: true,
	})
	if err != nil {
		return report, err
	}
	defer files.Close()
	own, err := readReport(ctx, files)
	if err != nil {
		return report, err
	}
	report.Layers = append(report.Layers, own.Layers...)
	report.Missing = append(report.Missing, own.Missing...)
	_, err = c.Wait(ctx, "doctor")
	return report, err
}

// readReport reads what the program's own start says.
func readReport(ctx context.Context, files keeper.Files) (own keeper.Report, err error) {
	stop := context.AfterFunc(ctx, files.Close)
	defer stop()
	text, err := io.ReadAll(files.Report)
	if err != nil {
		return own, err
	}
	if err := json.Unmarshal(text, &own); err != nil {
		return own, fmt.Errorf("unexpected report %.100q", text)
	}
	if own.Error != "" {
		return own, errors.New(own.Error)
	}
	return own, nil
}
