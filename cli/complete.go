package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waverider/client"
)

// completeTimeout bounds what a press of the tab key waits for the Hub.
const completeTimeout = 500 * time.Millisecond

type completer = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective)

// ask lets f list live values for a completion; a Hub that is away gives none.
func (a *app) ask(cmd *cobra.Command, f func(context.Context, *client.Client) ([]string, error)) []string {
	return a.askAt(cmd, a.connect, f)
}

// askSpace is ask of the Space.
func (a *app) askSpace(cmd *cobra.Command, f func(context.Context, *client.Client) ([]string, error)) []string {
	return a.askAt(cmd, a.connectSpace, f)
}

func (a *app) askAt(cmd *cobra.Command, connect func() (*client.Client, error), f func(context.Context, *client.Client) ([]string, error)) []string {
	parent := cmd.Context()
	if parent == nil {
		parent = context.Background()
	}
	ctx, cancel := context.WithTimeout(parent, completeTimeout)
	defer cancel()
	if err := a.prepare(cmd); err != nil {
		return nil
	}
	c, err := connect()
	if err != nil {
		return nil
	}
	defer c.Close()
	list, err := f(ctx, c)
	if err != nil {
		return nil
	}
	return list
}

// completeSequences offers Sequences for the first so many arguments; rest says
// what follows them.
func (a *app) completeSequences(arguments int, rest cobra.ShellCompDirective) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, rest
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
			list, err := c.Sequences(ctx)
			for _, s := range list {
				name := sequenceName(s)
				out = append(out, string(s.ID)+"\t"+name+" "+s.Config.Version)
				if name != "" {
					out = append(out, name+"\t"+string(s.ID))
				}
			}
			return out, err
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

func (a *app) completeInstances(arguments int, rest cobra.ShellCompDirective) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, rest
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
			list, err := c.Instances(ctx)
			for _, i := range list {
				out = append(out, string(i.ID)+"\t"+string(i.Status)+" "+instanceSequence(i))
			}
			return out, err
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeTopics offers Topics for the first so many arguments; rest says what
// follows them.
func (a *app) completeTopics(arguments int, rest cobra.ShellCompDirective) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, rest
		}
		return a.ask(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
			list, err := c.Topics(ctx)
			for _, t := range list {
				out = append(out, string(t.Name)+"\t"+t.ContentType)
			}
			return out, err
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeGroups offers Topics, and then the groups of the one that is named.
func (a *app) completeGroups(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp)(cmd, args, word)
	}
	return a.ask(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
		name, err := a.topicName(c, args[0])
		if err != nil {
			return nil, err
		}
		t, err := c.Topic(ctx, name)
		for _, r := range t.Readers {
			if r.Kind == client.ReaderGroup {
				out = append(out, fmt.Sprintf("%s\t%d behind", r.Name, r.Lag))
			}
		}
		return out, err
	}), cobra.ShellCompDirectiveNoFileComp
}

// completeGroupFlag offers the groups of the Topic that is named.
func (a *app) completeGroupFlag(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeGroups(cmd, args[:1], word)
}

// completeTopicFlag offers Topics for a flag.
func (a *app) completeTopicFlag(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
	return a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp)(cmd, nil, word)
}

// completeHubs offers Hubs of the Space for the first so many arguments.
func (a *app) completeHubs(arguments int) completer {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) >= arguments {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return a.askSpace(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
			list, err := c.Hubs(ctx)
			for _, h := range list {
				out = append(out, plainLine(h.Name)+"\t"+plainLine(h.State+" "+labelText(h.Labels)))
			}
			return out, err
		}), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeTokens offers the join tokens of the Space.
func (a *app) completeTokens(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	return a.askSpace(cmd, func(ctx context.Context, c *client.Client) (out []string, err error) {
		list, err := c.JoinTokens(ctx)
		for _, t := range list {
			out = append(out, plainLine(t.ID)+"\t"+plainLine(t.State+" "+t.Name))
		}
		return out, err
	}), cobra.ShellCompDirectiveNoFileComp
}
