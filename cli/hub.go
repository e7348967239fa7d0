package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) hubInfo() *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "Show which Hub answers, and its versions",
		Example: "  waverider hub info\n  waverider hub info --url http://10.0.0.7:8000 --token-file ./token",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			v, err := c.Version(cmd.Context())
			if err != nil {
				return err
			}
			raw, err := c.HubStatus(cmd.Context())
			if err != nil {
				return err
			}
			var s struct {
				Hub, Name string
				Instances int
				Engines   map[string]string
				Space     *hubLink
			}
			if err := json.Unmarshal(raw, &s); err != nil {
				return fmt.Errorf("read status: %w", err)
			}
			all := map[string]any{"url": c.URL(), "version": v, "status": raw}
			return a.show(all, []string{s.Hub}, func() table {
				t := fields("url", c.URL(), "hub", s.Hub, "name", s.Name, "build", v.Build, "api", v.APIVersion,
					"scramjet api", v.Version, "running", fmt.Sprint(s.Instances))
				for language, version := range s.Engines {
					t.rows = append(t.rows, []string{language, version})
				}
				if s.Space != nil {
					t.rows = append(t.rows, s.Space.fields().rows...)
				}
				return t
			})
		},
	}
}

// hubLink is the Link of a Hub to its Space, as the Hub tells it.
type hubLink struct {
	State, Space, Name, URL, As, Problem, Notice string

	Since time.Time
	RTT   float64 `json:"rttMs"`

	Up, Down struct{ Lag, Missed uint64 } // records

	Requests []waverider.TopicRequest
}

func (l hubLink) fields() table {
	state := l.State
	if !l.Since.IsZero() {
		state += " since " + when(l.Since)
	}
	t := fields("space", cmp.Or(l.Name, l.Space), "space id", l.Space, "space url", l.URL, "link", state, "called there", l.As, "rtt", strings.TrimPrefix(rtt(l.RTT), "-"),
		"not there yet", records(l.Up.Lag), "not here yet", records(l.Down.Lag), "missed", records(l.Up.Missed+l.Down.Missed),
		"problem", l.Problem, "the Space says", l.Notice)
	for i, row := range requestRows(l.Requests) {
		t.rows = append(t.rows, []string{row[0], "Topic " + string(l.Requests[i].Topic) + ": " + row[1]})
	}
	return t
}

func (a *app) hubLoad() *cobra.Command {
	return &cobra.Command{
		Use:     "load",
		Short:   "Show how busy the Hub's machine is",
		Example: "  waverider hub load -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			l, err := c.Load(cmd.Context())
			if err != nil {
				return err
			}
			return a.showLoad(l)
		},
	}
}

func (a *app) showLoad(l client.Load) error {
	return a.show(l, []string{fmt.Sprint(l.Current)}, func() table {
		t := fields("load, 1 minute", fmt.Sprintf("%.2f", l.Current), "load, 15 minutes", fmt.Sprintf("%.2f", l.Average),
			"memory used", size(l.MemUsed), "memory free", size(l.MemFree))
		for _, d := range l.Disks {
			t.rows = append(t.rows, []string{"disk of " + d.FS, fmt.Sprintf("%s free of %s (%.0f %% used)", size(d.Available), size(d.Size), d.Use*100)})
		}
		return t
	})
}

func (a *app) hubConfig() *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Show the configuration the Hub runs with, without its secrets",
		Example: "  waverider hub config -o yaml",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			raw, err := c.HubConfig(cmd.Context())
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.showJSON(raw)
			}
			return a.showYAML(raw)
		},
	}
}

func (a *app) hubLogs() *cobra.Command {
	return a.logCommand(&cobra.Command{
		Use:     "logs",
		Aliases: []string{"log"},
		Short:   "Show the log of the Hub itself",
		Example: "  waverider hub logs --tail 50\n  waverider hub logs -f --since 10m",
	}, a.connect, (*client.Client).HubLog, (*app).prettyLog)
}

func (a *app) hubVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the versions of the Hub that answers",
		Example: "  waverider hub version -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			v, err := c.Version(cmd.Context())
			if err != nil {
				return err
			}
			return a.showVersion(v)
		},
	}
}

func (a *app) showVersion(v client.Version) error {
	return a.show(v, []string{v.Build}, func() table {
		return fields("service", v.Service, "build", v.Build, "api", v.APIVersion, "scramjet api", v.Version)
	})
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the version of this program",
		Args:  args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			return a.show(map[string]string{"version": a.version}, []string{a.version}, func() table {
				return table{head: []string{"VERSION"}, rows: [][]string{{a.version}}}
			})
		},
	}
}
