package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topicSet() *cobra.Command {
	var f topicFlags
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a Topic",
		Long: `Change what a Topic may keep, and what is said of it. Only the flags that are given
change something. A smaller size or age drops records at once, but for those that a
group or an Instance still needs.

Of a Topic of scope space each Hub and the Space decide about the size and the age of
their own copies. Description and owner are the Space's: a Hub asks for their change,
also while it is cut off, and the Space applies or refuses it when it is there.`,
		Example: `  waverider topic set prices --max-size 2GiB --max-age 7d
  waverider topic set - --discard old
  waverider topic set prices --max-age 0 --description ""`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.RunE = a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
		change, err := f.change(cmd)
		if err != nil {
			return err
		}
		t, err := c.ChangeTopic(ctx, name, change)
		if err != nil {
			return err
		}
		for _, r := range t.Requests {
			if r.State == waverider.RequestWaiting {
				fmt.Fprintf(a.err, "waverider: %s: %s, and waits for the Space: \"waverider topic info %s\" shows what becomes of it\n", name, wish(r), name)
			}
		}
		a.rememberTopic(c, name)
		return a.id(name)
	})
	f.register(cmd)
	return cmd
}

// change is what the given flags ask for.
func (f *topicFlags) change(cmd *cobra.Command) (change client.TopicChange, err error) {
	changed := cmd.Flags().Changed
	if changed("description") {
		change.Description = &f.description
	}
	if changed("owner") {
		change.Owner = &f.owner
	}
	if changed("discard") {
		d, err := f.discarding()
		if err != nil {
			return change, err
		}
		change.Discard = &d
	}
	if changed("max-size") {
		change.MaxBytes = (*int64)(&f.maxSize)
	}
	if changed("max-age") {
		change.MaxAge = (*waverider.Age)(&f.maxAge)
	}
	if change == (client.TopicChange{}) {
		return change, usage("nothing to change: give --max-size, --max-age, --discard, --description or --owner")
	}
	return change, nil
}

func (a *app) topicPromote() *cobra.Command {
	return &cobra.Command{
		Use:   "promote NAME...",
		Short: "Let Topics be of the Space, not of this Hub alone",
		Long: `Change the scope of Topics from hub to space: their records, also those that are kept
now, come to every Hub of the Space that reads them. The Hub must have joined a Space.
There is no way back. Topics in memory stay on their Hub.`,
		Example:           "  waverider topic promote prices orders",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeTopics(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			for _, word := range list {
				err := a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
					space := waverider.ScopeSpace
					if _, err := c.ChangeTopic(ctx, name, client.TopicChange{Scope: &space}); err != nil {
						return err
					}
					a.rememberTopic(c, name)
					return a.id(name)
				})(cmd, []string{word})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func (a *app) topicUse() *cobra.Command {
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Let \"-\" mean this Topic",
		Example:           "  waverider topic use prices && waverider topic get -",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
			kind, err := knownType(ctx, c, name)
			if err == nil && kind == "" {
				err = noTopic(name)
			}
			if err != nil {
				return err
			}
			a.rememberTopic(c, name)
			return a.id(name)
		}),
	}
}

func (a *app) topicDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete Topics with their records",
		Long: `Delete Topics with all their records, and what is known of their readers. Who reads
them or sends to them is told so. There is no way back.

On a Hub that has joined a Space this removes the copy of the Hub: the Space and its
other Hubs keep theirs. While the Space does not have all records yet it needs --force.
On a Space it needs --force while Hubs have the Topic too: they would bring it back.`,
		Example:           "  waverider topic delete prices\n  waverider topic delete -",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeTopics(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			for _, word := range list {
				err := a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
					if err := c.DeleteTopic(ctx, name, force); err != nil {
						return err
					}
					return a.id(name)
				})(cmd, []string{word})
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "also when records would be lost, or Hubs would bring the Topic back")
	return cmd
}

// missingGroup adds to "not found", which may be of the Topic or of the group, how
// to see what there is.
func missingGroup(err error, name string) error {
	if waverider.KindOf(err) == waverider.NotFound {
		return &hinted{err, "waverider topic list shows the Topics, waverider topic info " + name + " the groups of this one"}
	}
	return err
}

func (a *app) topicForget() *cobra.Command {
	return &cobra.Command{
		Use:   "forget NAME GROUP...",
		Short: "Forget groups of readers",
		Long: `Forget where a group is. It keeps no records from being dropped any more, and begins
anew when it reads again.`,
		Example:           "  waverider topic forget prices billing",
		Args:              args(cobra.MinimumNArgs(2)),
		ValidArgsFunction: a.completeGroups,
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, groups []string) error {
			for _, group := range groups {
				if err := c.ForgetGroup(ctx, name, group); err != nil {
					return missingGroup(err, name)
				}
				if err := a.id(group); err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

func (a *app) topicAck() *cobra.Command {
	var group, from string
	cmd := &cobra.Command{
		Use:   "ack NAME CURSOR",
		Short: "Tell that a group has done with records",
		Long: `Tell that a group of readers has done with all the records it was given before a
cursor. It is for "topic get --group G --ack explicit --envelope", which shows the
cursor of each record and moves on only by this: what is not acked comes again.`,
		Example: `  waverider topic get orders --group shop --ack explicit --envelope -n 1
  waverider topic ack orders --group shop CURSOR`,
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
		PreRunE: func(*cobra.Command, []string) error {
			if group == "" {
				return usage("whose records? name a group with --group")
			}
			return nil
		},
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, more []string) error {
			at, err := c.AckTopic(ctx, name, group, from, more[0])
			if err != nil {
				return missingGroup(err, name)
			}
			a.rememberTopic(c, name)
			return a.showCursor(at)
		}),
	}
	cmd.Flags().StringVarP(&group, "group", "g", "", "the group")
	cmd.Flags().StringVar(&from, "from", "", "only what is not before this cursor")
	_ = cmd.RegisterFlagCompletionFunc("group", a.completeGroupFlag)
	return cmd
}
