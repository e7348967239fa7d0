package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

// onSpace is a command's run that works on the Space the flags name.
func (a *app) onSpace(run func(ctx context.Context, c *client.Client, list []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, list []string) error {
		c, err := a.connectSpace()
		if err != nil {
			return err
		}
		defer c.Close()
		return a.noSpace(cmd.Context(), c, run(cmd.Context(), c, list))
	}
}

// noSpace tells of what is not found at a Hub that it is none of a Space.
func (a *app) noSpace(ctx context.Context, c *client.Client, err error) error {
	if waverider.KindOf(err) != waverider.NotFound || errors.As(err, new(*hinted)) {
		return err
	}
	v, versionErr := c.Version(ctx)
	if versionErr != nil || v.Service == client.SpaceService {
		return err
	}
	return &hinted{waverider.Errorf(waverider.Invalid, "%s is not the address of a Space, but of a Hub", c.URL()),
		"name the Space with --url or WAVERIDER_URL, such as https://space.example.org:8443"}
}

func (a *app) spaceInfo() *cobra.Command {
	return &cobra.Command{
		Use:     "info",
		Short:   "Show which Space answers, its versions, and how many Hubs it has",
		Example: "  waverider space info\n  waverider space info --url https://space:8443 --ca space.pem --token-file ./token",
		Args:    args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			v, err := c.Version(ctx)
			if err != nil {
				return err
			}
			spaces, err := c.Spaces(ctx)
			if err != nil {
				return err
			}
			var s client.Space
			if len(spaces) > 0 {
				s = spaces[0]
			}
			hubs, err := c.Hubs(ctx)
			if err != nil {
				return err
			}
			topics, err := c.Topics(ctx)
			if err != nil {
				return err
			}
			connected, running := 0, 0
			for _, h := range hubs {
				if running += h.Running(); h.State == client.HubConnected {
					connected++
				}
			}
			all := map[string]any{"url": c.URL(), "space": s, "version": v, "hubs": len(hubs), "connected": connected, "running": running, "topics": len(topics)}
			return a.show(all, []string{s.ID}, func() table {
				return fields("url", c.URL(), "space", s.ID, "name", s.Name, "build", v.Build, "api", v.APIVersion, "scramjet api", v.Version,
					"hubs", fmt.Sprintf("%d, %d connected", len(hubs), connected), "running", strconv.Itoa(running), "topics", strconv.Itoa(len(topics)))
			})
		}),
	}
}

func (a *app) spaceLoad() *cobra.Command {
	return &cobra.Command{
		Use:     "load",
		Short:   "Show how busy the Space's machine is",
		Example: "  waverider space load -o json",
		Args:    args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			l, err := c.Load(ctx)
			if err != nil {
				return err
			}
			return a.showLoad(l)
		}),
	}
}

func (a *app) spaceConfig() *cobra.Command {
	return &cobra.Command{
		Use:     "config",
		Short:   "Show the configuration the Space runs with, without its secrets",
		Long:    "Show the configuration the Space runs with, without its secrets. What one would run with, \"waverider config space\" shows.",
		Example: "  waverider space config -o json",
		Args:    args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			raw, err := c.HubConfig(ctx)
			if err != nil {
				return err
			}
			if a.output == "json" {
				return a.showJSON(raw)
			}
			return a.showYAML(raw)
		}),
	}
}

func (a *app) spaceVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the versions of the Space that answers",
		Example: "  waverider space version -o json",
		Args:    args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			v, err := c.Version(ctx)
			if err != nil {
				return err
			}
			return a.showVersion(v)
		}),
	}
}

func (a *app) spaceLogs() *cobra.Command {
	return a.logCommand(&cobra.Command{
		Use:     "logs",
		Aliases: []string{"log"},
		Short:   "Show the log of the Space itself",
		Example: "  waverider space logs --tail 50\n  waverider space logs -f --since 10m",
	}, a.connectSpace, (*client.Client).HubLog, (*app).prettyLog)
}
