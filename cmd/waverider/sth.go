package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"waverider/cli"
	"waverider/sth"
)

// hubFlags are the flags of `waverider hub` that `waverider sth` has too.
var hubFlags = []string{"data-dir", "tls-cert", "tls-key", "token-file", "host", "cors"}

func sthCommand() *cobra.Command {
	var o sth.Options
	var c hubConfig
	settings := pflag.NewFlagSet("", pflag.ContinueOnError)
	c.register(settings)
	cmd := &cobra.Command{
		Use:     sth.Name,
		Aliases: []string{sth.LongName},
		Short:   "Run a Hub with the options of Scramjet's sth",
		Long:    sthHelp,
		Example: `  waverider sth -P 8000
  waverider sth -E -D ./sequences -S startup.json -X
  waverider sth -c sth-config.yaml -L info
  waverider sth -H 0.0.0.0 --tls-cert cert.pem --tls-key key.pem --token-file ./token --host hub.example.org
  ln -s "$(command -v waverider)" /usr/local/bin/sth && sth --no-colors`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, words []string) error {
			// Not by Args: that would end with another code than the rest.
			if len(words) > 0 {
				return invalid("%.80q: sth has options only; waverider sth --help lists them", words[0])
			}
			run, err := newSTH(cmd.Flags(), &o, &c, settings)
			if err != nil {
				return err
			}
			// The Hub outlives who reads its log.
			signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
			return run.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	o.Register(f)
	dir := settings.Lookup("data-dir")
	_ = dir.Value.Set(sthDataDir()) // a text, which takes any
	dir.DefValue = dir.Value.String()
	for _, name := range hubFlags {
		f.AddFlag(settings.Lookup(name))
	}
	completeSTH(cmd)
	// As sth, which ends with 1 whatever is wrong.
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		text := err.Error()
		if before, reason, found := strings.Cut(text, "strconv."); found {
			text = before + reason[strings.LastIndex(reason, ": ")+2:]
		}
		return invalid("%s; waverider sth --help lists the options", text)
	})
	return cmd
}

const sthHelp = `Run a Hub as Scramjet's command sth (scramjet-transform-hub, release 1.0.1) is run: with its
options, its configuration file, its startup file, its log on stdout. A link to this
program named sth or scramjet-transform-hub is this command.

It is ready when the log says "Running!"; "API on HOST:PORT" before it says where.

What is different:
  - Without --hostname it answers this machine only. With it, everyone who reaches the
    machine can run programs on it, unless --tls-cert, --tls-key and --token-file say else.
  - It keeps Sequences, Instances, Topics and logs in --data-dir, over restarts, whether
    --identify-existing is given or not. --sequences-root is read and never written.
  - Programs run as processes, each within its limits. Docker and Kubernetes are refused.
  - Nothing is sent to anyone: there is no telemetry to turn off.
  - At SIGINT and SIGTERM Instances run on until the Hub is back, unless --kill-on-exit.

The options that join a Space (--cpm-*, --platform-*) and those of Docker and Kubernetes
(--runner-image, --k8s-*, …) are taken with a warning. docs/from-scramjet.md lists all.

The startup file: {"sequences": [{"id": "my-sequence", "appConfig": {}, "args": ["x"],
"instanceId": "36 characters"}]}. With an instanceId no second one is started while the first runs on.`

func completeSTH(cmd *cobra.Command) {
	_ = cmd.MarkFlagFilename("config", "json", "yaml", "yml")
	_ = cmd.MarkFlagFilename("startup-config", "json", "yaml", "yml")
	_ = cmd.MarkFlagDirname("sequences-root")
	_ = cmd.MarkFlagDirname("data-dir")
	for name, values := range map[string][]string{
		"log-level": {"trace", "debug", "info", "warn", "error"}, "runtime-adapter": {"process", "detect"},
	} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

// sthDataDir lies beside that of `waverider hub`, so that both can run.
func sthDataDir() string {
	return filepath.Join(filepath.Dir(defaultDataDir()), "waverider-sth")
}

// newSTH reads everything that can be wrong before anything is begun.
func newSTH(f *pflag.FlagSet, o *sth.Options, c *hubConfig, own *pflag.FlagSet) (*sthRun, error) {
	r := &sthRun{options: o, cfg: c, settings: &settings{flags: own}}
	if o.File != "" {
		data, err := os.ReadFile(o.File)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		if r.warnings, err = o.ReadFile(f, o.File, data); err != nil {
			return nil, err
		}
	}
	plan, err := o.Plan(f)
	if err != nil {
		return nil, err
	}
	r.plan = plan
	for name, value := range plan.Settings {
		if err := own.Set(name, value); err != nil {
			return nil, invalid("%s: %s", name, plainReason(err))
		}
	}
	r.opened()
	r.warnings = append(r.warnings, plan.Warnings...)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if o.StartupConfig == "" {
		return r, nil
	}
	data, err := os.ReadFile(o.StartupConfig)
	if err != nil {
		return nil, invalid("SEQUENCE_STARTUP_CONFIG_READ_ERROR: %s", err)
	}
	r.startup, err = sth.ParseStartup(o.StartupConfig, data)
	return r, err
}

// opened lets everyone in where --hostname says so, as far as TLS and tokens do
// not forbid it, and says what that means.
func (r *sthRun) opened() {
	c := r.cfg
	if !c.loopback() {
		c.Insecure, c.NoToken = c.TLSCert == "" && c.TLSKey == "", c.TokenFile == ""
		r.exposed = openWarning(c)
		if r.plan.Host != "" {
			c.Hosts = append(c.Hosts, r.plan.Host)
		}
		if name, err := os.Hostname(); err == nil {
			c.Hosts = append(c.Hosts, name)
		}
	}
	r.warnings = append(r.warnings, c.guardWarnings()...)
}

func openWarning(c *hubConfig) string {
	host, _, _ := net.SplitHostPort(c.Listen)
	var means, better []string
	if c.NoToken {
		means = append(means, "everyone who reaches this machine can run programs on it and see all data")
		better = append(better, "--token-file FILE")
	}
	if c.Insecure {
		means = append(means, "all that goes over the network can be read there")
		better = append(better, "--tls-cert FILE --tls-key FILE")
	}
	if len(means) == 0 {
		return ""
	}
	return fmt.Sprintf("--hostname %s: %s; leave it out to answer this machine only, or add %s", host, strings.Join(means, ", and "), strings.Join(better, " "))
}

// exitCode is how sth ends after a signal: with its number if it kills on exit,
// else as if nothing had been wrong.
func (r *sthRun) exitCode(ctx context.Context) error {
	var s signalError
	if r.cfg.KillOnExit && errors.As(context.Cause(ctx), &s) {
		if number, ok := s.Signal.(syscall.Signal); ok {
			return cli.Exit(int(number), "")
		}
	}
	return nil
}

// mergeConfig is what GET /config shows: sth's words, with what is really so.
func mergeConfig(words, effective map[string]any) map[string]any {
	out := map[string]any{}
	for name, v := range words {
		out[name] = v
	}
	for name, v := range effective {
		below, isMap := v.(map[string]any)
		word, wasMap := out[name].(map[string]any)
		if isMap && wasMap {
			v = mergeConfig(word, below)
		}
		out[name] = v
	}
	return out
}
