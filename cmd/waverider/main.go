// Command waverider is the whole product in one binary: the Hub, the commands
// of its users, and the small helpers it runs itself as.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"waverider/cli"
	"waverider/demo"
	"waverider/doctor"
	"waverider/runner"
	"waverider/runtime/process"
)

// version is set when a release is linked.
var version string

func main() {
	if len(os.Args) > 1 {
		// Before anything else wakes up: one is started for every Instance.
		if run, ok := process.Helpers[os.Args[1]]; ok {
			os.Exit(run(os.Args[2:]))
		}
	}
	ctx, stop := signalContext()
	code := cli.Main(ctx, rootCommand())
	stop()
	os.Exit(code)
}

func rootCommand() *cobra.Command {
	return cli.New(cli.Options{Version: buildVersion(), Hub: hubCommand(), Types: runner.NodeTypes, More: []*cobra.Command{configCommand(), demo.Command(), doctor.Command(buildVersion(), defaultDataDir())}})
}

// signalError is the cause of a context that a signal has ended.
type signalError struct{ os.Signal }

func (e signalError) Error() string { return "got signal " + e.Signal.String() }

// signalContext ends with the first SIGINT, SIGTERM or SIGHUP. The second ends
// the process as if nobody listened.
func signalContext() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	got := make(chan os.Signal, 1)
	signal.Notify(got, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case s := <-got:
			signal.Stop(got)
			cancel(signalError{s})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(got)
		cancel(errors.New("done"))
		<-done
	}
}

// buildVersion is the version linked in, else what the Go tool knows.
func buildVersion() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "dev"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	return "dev"
}
