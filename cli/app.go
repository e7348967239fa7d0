package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"waverider/cli/profile"
	"waverider/client"
)

// Options are what the program around the commands gives them.
type Options struct {
	Version string
	Hub     *cobra.Command   // `hub` itself, which runs one; nil: only its subcommands
	Space   *cobra.Command   // `space` itself, which runs one; nil: only its subcommands
	Mesh    RunMesh          // for `dev --mesh`; nil: there is none
	More    []*cobra.Command // other commands
	Types   string           // TypeScript declarations of what a program is given, for new projects
}

// app is what all commands share: the global flags and the streams.
type app struct {
	version   string
	url       string
	hub       string
	ca        string
	tokenFile string
	profile   string
	output    string
	noColor   bool
	in        io.Reader
	out, err  io.Writer

	chosen     profile.Chosen // of flags, environment and profiles
	profileErr error          // what is wrong with the profile
}

var outputs = []string{"table", "wide", "json", "yaml", "name"}

// New makes the root command.
func New(o Options) *cobra.Command {
	a := &app{version: o.Version}
	root := &cobra.Command{
		Use:     "waverider",
		Version: o.Version,
		Short:   "Run small long-lived programs next to your data",
		Long: `Waverider runs small long-lived programs (Sequences) as Instances on a Hub, feeds
them data and hands on what they put out.

A first round:

  waverider hub                                   start a Hub on this machine
  waverider seq deploy ./my-program               pack, send and start a program
  echo hello | waverider inst input - --keep-open feed the last Instance
  waverider inst output -                         see what it puts out
  waverider inst logs - -f                        follow its log

"-" stands for the Sequence, Instance, Topic or package you used last. Ids may be cut to
any unique start of 4 or more characters; Sequences are found by name too.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          group,
		Args:          cobra.ArbitraryArgs,
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return a.prepare(cmd) }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage("%s", err) })
	a.flags(root)

	hub := o.Hub
	if hub == nil {
		hub = &cobra.Command{Use: "hub", Short: "Look at a Hub", RunE: group}
	}
	hub.AddCommand(a.hubInfo(), a.hubLoad(), a.hubLogs(), a.hubAudit(), a.hubConfig(), a.hubVersion())
	hub.AddCommand(a.hubHabits()...)
	space := o.Space
	if space == nil {
		space = &cobra.Command{Use: "space", Short: "Look at a Space", RunE: group}
	}
	space.AddCommand(a.spaceInfo(), a.spaceHubs(), a.spaceHub(), a.spaceToken(), a.spaceLoad(), a.spaceLogs(), a.spaceAudit(), a.spaceConfig(), a.spaceVersion())
	root.AddCommand(hub, space, a.sequences(), a.instances(), a.topics(), a.initProject(o.Types), a.develop(o.Mesh), a.profiles(), a.utilities(), a.showLast(), a.versionCommand(), exitCodesTopic())
	root.AddCommand(o.More...)
	for _, c := range append(o.More, hub, space) {
		if c.Args != nil {
			c.Args = args(c.Args)
		}
		if c.Name() == "config" { // where si has them
			at := a.profiles()
			at.Hidden, at.Aliases = true, []string{"pr"}
			c.AddCommand(at)
		}
	}
	a.completion(root)
	return root
}

func (a *app) flags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringVar(&a.profile, "profile", "", "the profile to use (WAVERIDER_PROFILE; default the current one)")
	f.StringVar(&a.url, "url", "", "the Hub or Space to talk to (WAVERIDER_URL; default "+client.DefaultURL+")")
	f.StringVar(&a.hub, "hub", "", "the Hub to reach through the Space of --url (WAVERIDER_HUB)")
	f.StringVar(&a.ca, "ca", "", "file with a certificate to trust beside the system's (WAVERIDER_CA)")
	f.StringVar(&a.tokenFile, "token-file", "", "file with the token to send (WAVERIDER_TOKEN_FILE)")
	f.StringVarP(&a.output, "output", "o", "table", "how to show results (WAVERIDER_OUTPUT): "+strings.Join(outputs, "|"))
	f.BoolVar(&a.noColor, "no-color", false, "no colors (NO_COLOR does it too)")
	_ = root.RegisterFlagCompletionFunc("profile", completeProfiles(1000))
	_ = root.RegisterFlagCompletionFunc("hub", a.completeHubs(1000))
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(outputs, cobra.ShellCompDirectiveNoFileComp))
}

// prepare reads what flags and environment say, before a command runs.
func (a *app) prepare(cmd *cobra.Command) error {
	a.in, a.out, a.err = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	a.choose(cmd)
	if os.Getenv("NO_COLOR") != "" {
		a.noColor = true
	}
	if !slices.Contains(outputs, a.output) {
		return usage("--output %q: want one of %s", a.output, strings.Join(outputs, ", "))
	}
	return nil
}

// connect makes the client of the Hub the flags name.
func (a *app) connect() (*client.Client, error) {
	return a.dial(client.Config{Hub: a.hub})
}

// connectSpace makes the client of the Space the flags name, whichever of its Hubs
// they name.
func (a *app) connectSpace() (*client.Client, error) {
	return a.dial(client.Config{Space: true})
}

func (a *app) dial(cfg client.Config) (*client.Client, error) {
	if a.profileErr != nil {
		return nil, a.profileErr
	}
	cfg.URL, cfg.TokenFile, cfg.CA, cfg.Agent = a.url, a.tokenFile, a.ca, "waverider/"+a.version
	c, err := client.New(cfg)
	if err != nil {
		return nil, usage("%s", err)
	}
	return c, nil
}

// note tells a person something that no script should read.
func (a *app) note(format string, args ...any) {
	if isTerminal(a.err) {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

// group is the run of a command that only holds others.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	err := usage("unknown command %q for %q", args[0], cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = 2
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		err.hint = "did you mean " + strings.Join(like, " or ") + "?"
	}
	return err
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}
