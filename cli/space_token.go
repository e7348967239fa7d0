package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) spaceToken() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Join tokens: create, list, remove",
		Long: `A join token lets one Hub join the Space, once. It names the Space, and the certificate
the Space made itself, so that the Hub needs nothing else to know it by.

  waverider space token create --name edge-1             prints the token
  waverider hub --space https://space:8443 --join TOKEN  on the machine of the Hub
  waverider space token list                             which are open, which Hub has used one`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.tokenCreate(), a.tokenList(), a.tokenRemove())
	return cmd
}

func (a *app) tokenCreate() *cobra.Command {
	var req client.JoinTokenRequest
	var labels []string
	expires := ageFlag(15 * time.Minute)
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token that a Hub joins with",
		Long: `Make a token that a Hub joins with. It is shown this once, is good for one Hub, and only
for a while. Whoever has it can join: hand it over as you would a password.

The answer is the token alone; -o json has its id and times too.`,
		Example: `  waverider space token create --name edge-1
  waverider space token create --name edge-2 --label site=north --domain shop --expires 24h
  waverider space token create > join && scp join edge-3:      # there: waverider hub --space URL --join @join`,
		Args:              args(cobra.NoArgs),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			set, err := labelFlags(labels, false)
			if err != nil {
				return err
			}
			for k, v := range set {
				if req.Labels == nil {
					req.Labels = map[string]string{}
				}
				req.Labels[k] = *v
			}
			req.Expires = waverider.Age(expires)
			t, err := c.CreateJoinToken(ctx, req)
			if err != nil {
				return err
			}
			switch a.output {
			case "json":
				return a.showJSON(t)
			case "yaml":
				return a.showYAML(t)
			case "name":
				return a.id(t.ID)
			}
			a.note("good for one Hub, until %s: waverider hub --space %s --join TOKEN", when(t.Expires), c.Address())
			_, err = fmt.Fprintln(a.out, plainLine(t.Token))
			return err
		}),
	}
	f := cmd.Flags()
	f.StringVar(&req.Name, "name", "", "name of the Hub in the Space (default: that of its own --name)")
	f.StringArrayVarP(&labels, "label", "l", nil, "label of the Hub, k=v (may be repeated)")
	f.StringVar(&req.Domain, "domain", "", "domain the Hub belongs to: the group of people who own it")
	f.Var(&expires, "expires", "how long the token is good, such as 15m, 24h or 7d; at most 30d")
	return cmd
}

func (a *app) tokenList() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the join tokens, and for a day those that have ended",
		Example: "  waverider space token list\n  waverider space token list -o json",
		Args:    args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			list, err := c.JoinTokens(ctx)
			if err != nil {
				return err
			}
			ids := make([]string, len(list))
			for i, t := range list {
				ids[i] = t.ID
			}
			return a.show(list, ids, func() table {
				t := table{head: []string{"ID", "STATE", "NAME", "EXPIRES", "USED", "USED BY", "CREATED BY", "DOMAIN", "LABELS"}, wide: 6}
				for _, k := range list {
					t.rows = append(t.rows, []string{k.ID, k.State, dash(k.Name), dash(when(k.Expires)), dash(when(k.Used)), dash(k.UsedBy), dash(k.By), dash(k.Domain), dash(labelText(k.Labels))})
				}
				return t
			})
		}),
	}
}

func (a *app) tokenRemove() *cobra.Command {
	return &cobra.Command{
		Use:               "remove ID...",
		Aliases:           []string{"rm", "delete"},
		Short:             "Make join tokens of no use",
		Long:              "Make join tokens of no use. A Hub that has joined with one stays: \"waverider space hub revoke\" cuts it.",
		Example:           "  waverider space token remove 4kq2xv7n3m5a",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeTokens,
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, list []string) error {
			for _, id := range list {
				if err := c.DeleteJoinToken(ctx, id); err != nil {
					err = a.noSpace(ctx, c, err)
					if waverider.KindOf(err) == waverider.NotFound && !errors.As(err, new(*hinted)) {
						return &hinted{err, "waverider space token list shows what there is"}
					}
					return err
				}
				if err := a.id(id); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}
