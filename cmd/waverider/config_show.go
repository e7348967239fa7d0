package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// configCommand shows what a Hub started with the same words would run with;
// below it is the same for a Space.
func configCommand() *cobra.Command {
	cmd := showCommand(&hubConfig{}, new(hubConfig).register)
	cmd.Use = "config"
	cmd.Short = "Show the configuration a Hub or a Space would run with, and where it comes from"
	cmd.Long = `Show the configuration that "waverider hub" would run with, given the same flags, and
where each value comes from: flags come before the environment, that before the file
named by --config. Each setting has one name: --data-dir, WAVERIDER_DATA_DIR, and
data-dir in the file. What is shown as YAML is such a file. "waverider config space" does
the same for "waverider space".`
	cmd.Example = "  waverider config --config hub.yaml\n  waverider config -o json | jq '.\"data-dir\"'\n  waverider config space --host space.example.org"
	of := showCommand(&spaceConfig{}, new(spaceConfig).register)
	of.Use = "space"
	of.Short = "Show the configuration a Space would run with, and where it comes from"
	of.Example = "  waverider config space --config space.yaml"
	cmd.AddCommand(of)
	return cmd
}

// roleConfig is all that can be set of a role.
type roleConfig interface {
	register(*pflag.FlagSet)
	Validate() error
}

// showCommand shows the settings of a role, which names registers too.
func showCommand(c roleConfig, names func(*pflag.FlagSet)) *cobra.Command {
	cmd := &cobra.Command{Args: cobra.NoArgs}
	c.register(cmd.Flags())
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := load(settingsNamed(cmd, names), os.LookupEnv)
		if err != nil {
			return err
		}
		format, _ := cmd.Flags().GetString("output")
		var text []byte
		if format == "json" {
			text, err = s.showJSON()
		} else {
			text, err = s.showYAML()
		}
		if err != nil {
			return err
		}
		if _, err := cmd.OutOrStdout().Write(text); err != nil {
			return err
		}
		return c.Validate()
	}
	return cmd
}

// settingsOf is the flags of cmd that are settings of a Hub.
func settingsOf(cmd *cobra.Command) *pflag.FlagSet {
	var names hubConfig
	return settingsNamed(cmd, names.register)
}

// settingsNamed is the flags of cmd that register makes.
func settingsNamed(cmd *cobra.Command, register func(*pflag.FlagSet)) *pflag.FlagSet {
	all := pflag.NewFlagSet("", pflag.ContinueOnError)
	register(all)
	out := pflag.NewFlagSet("", pflag.ContinueOnError)
	out.SortFlags = false
	all.SortFlags = false
	all.VisitAll(func(f *pflag.Flag) { out.AddFlag(cmd.Flags().Lookup(f.Name)) })
	return out
}

// value is a setting as JSON and YAML have it.
func value(f *pflag.Flag) any {
	if list, ok := f.Value.(pflag.SliceValue); ok {
		return append([]string{}, list.GetSlice()...)
	}
	text := f.Value.String()
	if f.Name == joinFlag && text != "" && !strings.HasPrefix(text, "@") {
		return "(set)" // a secret
	}
	switch f.Value.Type() {
	case "bool":
		return text == "true"
	case "int", "int64":
		n, _ := strconv.ParseInt(text, 10, 64) // pflag has checked it
		return n
	}
	return text
}

// shown is all settings but the file itself, in their order of registration.
func (s *settings) shown(each func(f *pflag.Flag)) {
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != configFlag {
			each(f)
		}
	})
}

func (s *settings) showYAML() ([]byte, error) {
	var buf bytes.Buffer
	var first error
	s.shown(func(f *pflag.Flag) {
		var v yaml.Node
		if err := v.Encode(value(f)); err != nil && first == nil {
			first = err
		}
		v.Style |= yaml.FlowStyle
		text, err := yaml.Marshal(&v)
		if err != nil && first == nil {
			first = err
		}
		fmt.Fprintf(&buf, "%s: %s  # %s\n", f.Name, bytes.TrimSpace(text), s.sources[f.Name])
	})
	return buf.Bytes(), first
}

func (s *settings) showJSON() ([]byte, error) {
	type entry struct {
		Value  any    `json:"value"`
		Source string `json:"source"`
	}
	all := map[string]entry{}
	s.shown(func(f *pflag.Flag) { all[f.Name] = entry{value(f), s.sources[f.Name]} })
	data, err := json.MarshalIndent(all, "", "  ")
	return append(data, '\n'), err
}

// effective is what GET /config answers: the words Scramjet's clients know,
// and our settings under their own names. The one that holds a secret, the join
// token, is hidden; tokens and keys are in files, of which the name is shown.
func (s *settings) effective(c *hubConfig, id string, addr net.Addr) map[string]any {
	own := s.values()
	host, port, _ := net.SplitHostPort(addr.String())
	return map[string]any{
		"logLevel":       c.LogLevel,
		"customName":     c.Name,
		"runtimeAdapter": "process",
		"host":           map[string]any{"apiBase": "/api/v1", "hostname": host, "port": port, "id": id},
		"settings":       own,
	}
}

// values is all settings by name.
func (s *settings) values() map[string]any {
	own := map[string]any{}
	s.shown(func(f *pflag.Flag) { own[f.Name] = value(f) })
	return own
}
