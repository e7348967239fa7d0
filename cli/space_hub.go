package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) spaceHub() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "hub",
		Short: "One Hub of the Space: look at it, name it, label it, let it go",
		Long: `A Hub of the Space is named by its name, its id, or a unique start of the id of 4 or more
characters.

  waverider space hubs                          all of them
  waverider space hub info edge-1               one, closely
  waverider space hub rename edge-1 north       the name it has in the Space
  waverider space hub label north floor=2       labels, to find it by
  waverider space hub revoke north              cut it, until it joins with a new token
  waverider space hub remove north --force      forget it
  waverider inst list --hub north               anything that can be asked of a Hub`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.spaceHubInfo(), a.spaceHubRename(), a.spaceHubLabel(), a.spaceHubDomain(), a.spaceHubDisconnect(), a.spaceHubRevoke(), a.spaceHubRemove())
	return cmd
}

// noHub tells that a Space does not know the Hub that was to be called through it.
func noHub(err error) bool {
	return waverider.KindOf(err) == waverider.NotFound && strings.HasPrefix(waverider.MessageOf(err), "STH with a given ID was not found")
}

// missingHub adds to "not found" how to see what there is.
func missingHub(err error) error {
	if waverider.KindOf(err) == waverider.NotFound && !errors.As(err, new(*hinted)) {
		return &hinted{err, "waverider space hubs shows what there is"}
	}
	return err
}

// onHub is a command's run that works on the Hub of the Space its first argument
// names.
func (a *app) onHub(run func(ctx context.Context, c *client.Client, ref string, more []string) error) func(*cobra.Command, []string) error {
	return a.onSpace(func(ctx context.Context, c *client.Client, list []string) error {
		err := a.noSpace(ctx, c, run(ctx, c, list[0], list[1:]))
		return missingHub(err)
	})
}

func (a *app) spaceHubInfo() *cobra.Command {
	return &cobra.Command{
		Use:               "info HUB",
		Short:             "Show one Hub as the Space knows it",
		Example:           "  waverider space hub info edge-1\n  waverider space hub info edge-1 -o json | jq .instances",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeHubs(1),
		RunE: a.onHub(func(ctx context.Context, c *client.Client, ref string, _ []string) error {
			h, err := c.Hub(ctx, ref)
			if err != nil {
				return err
			}
			return a.show(h, []string{h.Name}, func() table { return hubFields(h) })
		}),
	}
}

// change is a command's run that changes a Hub and answers its name.
func (a *app) changeHub(change func(more []string) (client.HubChange, error)) func(*cobra.Command, []string) error {
	return a.onHub(func(ctx context.Context, c *client.Client, ref string, more []string) error {
		asked, err := change(more)
		if err != nil {
			return err
		}
		h, err := c.ChangeHub(ctx, ref, asked)
		if err != nil {
			return err
		}
		return a.id(h.Name)
	})
}

func (a *app) spaceHubRename() *cobra.Command {
	return &cobra.Command{
		Use:               "rename HUB NAME",
		Short:             "Give a Hub another name in the Space",
		Long:              "Give a Hub another name in the Space. Its id stays, and so does what it runs.",
		Example:           "  waverider space hub rename edge-1 north",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeHubs(1),
		RunE: a.changeHub(func(more []string) (client.HubChange, error) {
			return client.HubChange{Name: &more[0]}, nil
		}),
	}
}

func (a *app) spaceHubLabel() *cobra.Command {
	return &cobra.Command{
		Use:               "label HUB KEY=VALUE... KEY-...",
		Short:             "Set labels of a Hub, or take them away",
		Long:              "Set labels of a Hub, or take them away: KEY=VALUE sets one, KEY- removes it. The others stay.",
		Example:           "  waverider space hub label edge-1 site=north floor=2\n  waverider space hub label edge-1 floor-",
		Args:              args(cobra.MinimumNArgs(2)),
		ValidArgsFunction: a.completeHubs(1),
		RunE: a.changeHub(func(more []string) (client.HubChange, error) {
			labels, err := labelFlags(more, true)
			return client.HubChange{Labels: labels}, err
		}),
	}
}

func (a *app) spaceHubDomain() *cobra.Command {
	var none bool
	cmd := &cobra.Command{
		Use:               "domain HUB [DOMAIN]",
		Short:             "Say which domain a Hub belongs to",
		Long:              "Say which domain a Hub belongs to: a group of people who own Topics, Sequences and Hubs.",
		Example:           "  waverider space hub domain edge-1 shop\n  waverider space hub domain edge-1 --none",
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeHubs(1),
	}
	cmd.RunE = a.changeHub(func(more []string) (client.HubChange, error) {
		if none == (len(more) == 1) {
			return client.HubChange{}, usage("give the name of a domain, or --none")
		}
		name := ""
		if !none {
			name = more[0]
		}
		return client.HubChange{Domain: &name}, nil
	})
	cmd.Flags().BoolVar(&none, "none", false, "let it belong to none")
	return cmd
}

func (a *app) spaceHubDisconnect() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "disconnect HUB...",
		Short: "Cut the connection of a Hub, which comes back by itself",
		Long: `Cut the connection of a Hub. It comes back by itself, and nothing is lost; to keep it
away, revoke it.`,
		Example:           "  waverider space hub disconnect edge-1\n  waverider space hub disconnect --all",
		ValidArgsFunction: a.completeHubs(1000),
		Args:              cobra.ArbitraryArgs,
	}
	cmd.RunE = a.onSpace(func(ctx context.Context, c *client.Client, list []string) error {
		if all == (len(list) > 0) {
			return usage("give the names of Hubs, or --all")
		}
		if all {
			hubs, err := c.Hubs(ctx)
			if err != nil {
				return err
			}
			for _, h := range hubs {
				if h.State == client.HubConnected {
					list = append(list, h.ID)
				}
			}
		}
		for _, ref := range list {
			if err := c.DisconnectHub(ctx, ref); err != nil {
				return missingHub(a.noSpace(ctx, c, err))
			}
			if err := a.id(ref); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().BoolVar(&all, "all", false, "all that are connected")
	return cmd
}

func (a *app) spaceHubRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke HUB...",
		Short: "Cut a Hub and let it in no more",
		Long: `Cut a Hub and let it in no more, until it joins with a new token. The Space still knows
it, and its name. What the Hub runs goes on there, without the Space.`,
		Example:           "  waverider space hub revoke edge-1",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeHubs(1000),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, list []string) error {
			for _, ref := range list {
				h, err := c.RevokeHub(ctx, ref)
				if err != nil {
					return missingHub(a.noSpace(ctx, c, err))
				}
				if err := a.id(h.Name); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (a *app) spaceHubRemove() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "remove HUB...",
		Aliases: []string{"rm", "delete"},
		Short:   "Let the Space forget a Hub",
		Long: `Let the Space forget a Hub, its name and its place in the Topics of the Space. One that is
connected is only removed by --force, and is cut then. To come back it has to join with a
new token.`,
		Example:           "  waverider space hub remove edge-1\n  waverider space hub remove edge-1 --force",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeHubs(1000),
	}
	cmd.RunE = a.onSpace(func(ctx context.Context, c *client.Client, list []string) error {
		for _, ref := range list {
			id, err := c.RemoveHub(ctx, ref, force)
			if waverider.KindOf(err) == waverider.Conflict && !force {
				return &hinted{err, "cut it and remove it: waverider space hub remove --force " + ref}
			}
			if err != nil {
				return missingHub(a.noSpace(ctx, c, err))
			}
			if err := a.id(id); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also one that is connected")
	return cmd
}
