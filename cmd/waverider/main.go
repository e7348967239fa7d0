// Command waverider is the whole product in one binary: the Hub, the commands
// of its users, and the small helpers it runs itself as.
package main

import (
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"waverider/cli"
	"waverider/demo"
	"waverider/doctor"
	"waverider/runner"
	"waverider/runtime/process"
	"waverider/sth"
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
	root := rootCommand()
	root.SetArgs(sth.Words(os.Args))
	code := cli.Main(ctx, root)
	stop()
	os.Exit(code)
}

func rootCommand() *cobra.Command {
	space := spaceCommand()
	space.AddCommand(adminTokenCommand())
	return cli.New(cli.Options{Version: buildVersion(), Hub: hubCommand(), Space: space, Mesh: runMesh, Types: runner.NodeTypes, More: []*cobra.Command{configCommand(), sthCommand(), demo.Command(), doctor.Command(buildVersion(), defaultDataDir())}})
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
