package cli

import (
	"cmp"
	"context"
	"os"

	"github.com/spf13/cobra"

	"waverider/cli/profile"
	"waverider/client"
)

// hubHabits are the words of si about the Hubs of a Space, which it has below
// "hub".
func (a *app) hubHabits() []*cobra.Command {
	list := a.spaceHubs()
	list.Use, list.Aliases = "list", []string{"ls"}
	disconnect := a.spaceHubDisconnect()
	remove := a.spaceHubRemove()
	remove.Use, remove.Aliases = "delete HUB...", []string{"rm", "remove"}
	all := []*cobra.Command{list, disconnect, remove, a.hubUse()}
	for _, cmd := range all {
		cmd.Hidden = true
	}
	return all
}

// hubUse writes into the profile which Hub of the Space is meant from now on.
func (a *app) hubUse() *cobra.Command {
	return &cobra.Command{
		Use:               "use HUB",
		Short:             "Let commands mean this Hub of the Space: profile set hub=HUB",
		Example:           "  waverider hub use edge-1",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeHubs(1),
		RunE: a.onHub(func(ctx context.Context, c *client.Client, ref string, _ []string) error {
			h, err := c.Hub(ctx, ref)
			if err != nil {
				return err
			}
			return a.changeCurrent(func(p *profile.Profile) error {
				if p.URL == "" || cmp.Or(os.Getenv("WAVERIDER_URL"), p.URL) != p.URL {
					return usage("the current profile does not name this Space: waverider profile set url=%s hub=%s", c.URL(), h.Name)
				}
				p.Hub = h.Name
				return nil
			})
		}),
	}
}
