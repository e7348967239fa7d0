package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"waverider/client"
	"waverider/dev"
)

// RunMesh runs a Space and Hubs that have joined it until ctx ends, or use does,
// which is called when all can be reached.
type RunMesh func(ctx context.Context, cfg MeshConfig, use func(context.Context, Mesh) error) error

// MeshConfig says what to run.
type MeshConfig struct {
	Dir  string // where files go; empty: a folder that is gone in the end
	Hubs int
}

// Mesh is a Space with its Hubs.
type Mesh struct {
	Dir       string
	Space     string // URL
	CA        string // file with its certificate
	TokenFile string // with an admin's token
	Hubs      []MeshHub
}

// MeshHub is one of its Hubs, which wants no token.
type MeshHub struct{ Name, URL string }

// meshFlags are those of a mesh.
type meshFlags struct {
	mesh bool
	cfg  MeshConfig
}

// mostMeshHubs is what one machine carries for trying things.
const mostMeshHubs = 9

func (m *meshFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&m.mesh, "mesh", false, "run a Space and a Hub that has joined it")
	cmd.Flags().IntVar(&m.cfg.Hubs, "hubs", 1, "with --mesh: so many Hubs")
	cmd.Flags().StringVar(&m.cfg.Dir, "data-dir", "", "with --mesh: folder for all they keep (default: one that is gone in the end)")
	_ = cmd.MarkFlagDirname("data-dir")
}

func (m *meshFlags) check(list []string) error {
	switch {
	case !m.mesh && (m.cfg.Dir != "" || m.cfg.Hubs != 1):
		return usage("--hubs and --data-dir are for --mesh")
	case !m.mesh && len(list) == 0:
		return usage("name the folder of a program, or run a Space and a Hub with --mesh")
	case m.cfg.Hubs < 1 || m.cfg.Hubs > mostMeshHubs:
		return usage("--hubs %d: want 1 to %d", m.cfg.Hubs, mostMeshHubs)
	}
	return nil
}

// onMesh says how to reach a mesh, and runs the program of a folder on its first
// Hub, if one is named, until ctx ends.
func (a *app) onMesh(ctx context.Context, m Mesh, list []string, f *startFlags, in dev.Input) error {
	if len(list) == 0 {
		if _, err := fmt.Fprint(a.out, m.tells()); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}
	req, err := f.request(list[1:])
	if err != nil {
		return err
	}
	fmt.Fprint(a.err, m.tells())
	c, err := client.New(client.Config{URL: m.Hubs[0].URL, Agent: "waverider/" + a.version})
	if err != nil {
		return err
	}
	defer c.Close()
	return a.developOn(ctx, c, list[0], req, in)
}

// tells is how to reach the mesh, and what to do with it.
func (m Mesh) tells() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Space %s", m.Space)
	for _, h := range m.Hubs {
		line("Hub %s %s", h.Name, h.URL)
	}
	line("Admin token %s", m.TokenFile)
	line("Files and logs %s", m.Dir)
	line("")
	line("In another terminal:")
	line("")
	line("  export WAVERIDER_URL=%s WAVERIDER_HUB=%s \\", m.Space, m.Hubs[0].Name)
	line("    WAVERIDER_CA=%s WAVERIDER_TOKEN_FILE=%s", shellWord(m.CA), shellWord(m.TokenFile))
	line("  waverider space hubs                              the Hubs, and how they are")
	line("  waverider seq deploy ./my-program                 on %s, through the Space", m.Hubs[0].Name)
	line("  waverider topic create prices                     what is sent to it comes to every Hub that reads it")
	line("  waverider space token create --name another       lets another Hub join:")
	line("  waverider hub --listen 127.0.0.1:0 --data-dir ./another --token-file '' --space %s --join TOKEN", m.Space)
	line("")
	line("Ctrl-C ends all of it.")
	return b.String()
}

// shellWord is a text as a shell takes it.
func shellWord(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@", r)
	}) {
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	return text
}
