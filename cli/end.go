package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) instStop() *cobra.Command {
	var timeout time.Duration
	var keepalive bool
	cmd := &cobra.Command{
		Use:   "stop INSTANCE...",
		Short: "Ask programs to end",
		Long: `Ask a program to end: its stop handlers run, and after the timeout it is killed. The
command returns when the Instance has ended.`,
		Example:           "  waverider inst stop -\n  waverider inst stop - --timeout 30s --keepalive",
		Args:              args(noTimeOfSi),
		ValidArgsFunction: a.completeInstances(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onEach(func(ctx context.Context, c *client.Client, id string) error {
			_, err := c.StopInstance(ctx, id, timeout, keepalive)
			return err
		}),
	}
	cmd.Flags().DurationVarP(&timeout, "timeout", "t", 7*time.Second, "how long the program may take")
	cmd.Flags().BoolVar(&keepalive, "keepalive", false, "the program may ask for more time")
	return cmd
}

// noTimeOfSi wants Instances, and refuses the time that si takes in second place:
// it may be the beginning of another Instance's id.
func noTimeOfSi(cmd *cobra.Command, words []string) error {
	if err := cobra.MinimumNArgs(1)(cmd, words); err != nil || len(words) != 2 {
		return err
	}
	if word := words[1]; len(word) < 8 && strings.Trim(word, "0123456789") == "" {
		return fmt.Errorf("%q: a time is --timeout %sms, and an Instance takes 8 or more characters of its id here", word, word)
	}
	return nil
}

func (a *app) instKill() *cobra.Command {
	var remove bool
	cmd := &cobra.Command{
		Use:   "kill INSTANCE...",
		Short: "End programs now",
		Long: `End a program now, with all the processes it has started. It has half a second to notice.
The command returns when the Instance has ended.`,
		Example:           "  waverider inst kill -\n  waverider inst kill - --remove",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeInstances(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onEach(func(ctx context.Context, c *client.Client, id string) error {
			if err := killInstance(ctx, c, id, remove); err != nil {
				return err
			}
			_, err := awaitEnd(ctx, c, id)
			return err
		}),
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "forget the Instance and its logs too")
	alsoCalled(cmd, map[string]string{"removeImmediately": "remove"})
	return cmd
}

// killInstance tells of an Instance that had ended already what became of it:
// a Hub only says that it does not run.
func killInstance(ctx context.Context, c *client.Client, id string, remove bool) error {
	_, err := c.KillInstance(ctx, id, remove)
	if waverider.KindOf(err) != waverider.Invalid {
		return err
	}
	if i, lost := c.Instance(ctx, id); lost == nil && i.Terminated != nil {
		return &hinted{waverider.Errorf(waverider.Gone, "Instance %s has ended already: %s", id, i.Terminated.Reason),
			"waverider inst delete " + id + " forgets it"}
	}
	return err
}

func (a *app) instDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:               "delete INSTANCE...",
		Aliases:           []string{"rm"},
		Short:             "Forget Instances that have ended, with their logs",
		Example:           "  waverider inst delete -\n  waverider inst delete -f 3f2a",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeInstances(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onEach(func(ctx context.Context, c *client.Client, id string) error {
			if force {
				_, err := c.KillInstance(ctx, id, true)
				return err
			}
			err := c.DeleteInstance(ctx, id)
			var e *waverider.Error
			if errors.As(err, &e) && e.Kind == waverider.Conflict && e.Detail["candidates"] == nil {
				return &hinted{err, "end it first (waverider inst stop " + id + "), or add -f to kill it"}
			}
			return err
		}),
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill it first if it runs")
	return cmd
}

// onEach runs do for each Instance that is named, and says its id. Nothing is
// done unless all of them are there.
func (a *app) onEach(do func(context.Context, *client.Client, string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, list []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		var ids []string
		for _, word := range list {
			id, err := a.findInstance(cmd.Context(), c, word)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		for _, id := range ids {
			if err := do(cmd.Context(), c, id); err != nil {
				return err
			}
			if err := a.id(id); err != nil {
				return err
			}
		}
		return nil
	}
}

func (a *app) instRestart() *cobra.Command {
	var kill bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "restart INSTANCE",
		Short: "End an Instance and start it again",
		Long: `End an Instance and start it again under its id, with its arguments, configuration,
limits and Topics, from the newest revision of its Sequence. What it saved and the
files in its working folder stay, its old logs go.`,
		Example:           "  waverider seq update - ./my-program && waverider inst restart -",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			i, err := c.Instance(ctx, id)
			if err != nil {
				return err
			}
			if err := endFor(ctx, c, i, kill, timeout); err != nil {
				return err
			}
			if _, err := c.StartSequence(ctx, string(i.Sequence.ID), sameStart(i)); err != nil {
				return startFailed(err)
			}
			return a.id(string(i.ID))
		}),
	}
	cmd.Flags().BoolVar(&kill, "kill", false, "kill it rather than ask it to end")
	cmd.Flags().DurationVarP(&timeout, "timeout", "t", 7*time.Second, "how long the program may take to end")
	return cmd
}

// endFor ends an Instance and waits until it has ended: then its id may be
// used again.
func endFor(ctx context.Context, c *client.Client, i client.Instance, kill bool, timeout time.Duration) error {
	if i.Status.Ended() {
		return nil
	}
	var err error
	if kill {
		_, err = c.KillInstance(ctx, string(i.ID), false)
	} else {
		_, err = c.StopInstance(ctx, string(i.ID), timeout, false)
	}
	if err != nil {
		return fmt.Errorf("end %s: %w", i.ID, err)
	}
	_, err = awaitEnd(ctx, c, string(i.ID))
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// sameStart is the request that starts i as it was started.
func sameStart(i client.Instance) waverider.StartRequest {
	return waverider.StartRequest{InstanceID: i.ID, Args: i.Args, AppConfig: i.Config, Limits: i.Limits, Restart: i.Restart,
		InputTopic: i.InputTopic, OutputTopic: i.OutputTopic, InputType: i.InputType, OutputType: i.OutputType, Ack: i.Ack, ReadAhead: i.ReadAhead}
}
