package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) instEvent() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event",
		Short: "Send events to a program, or wait for its own",
		Example: `  waverider inst event emit - reload
  waverider inst event emit - threshold '{"max": 20}'
  waverider inst event on - alert --next --timeout 1m`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.eventEmit(), a.eventOn())
	return cmd
}

func (a *app) eventEmit() *cobra.Command {
	return &cobra.Command{
		Use:               "emit INSTANCE NAME [MESSAGE]",
		Aliases:           []string{"invoke"},
		Short:             "Call a program's handlers of an event",
		Long:              "Call a program's handlers of an event. A message that is JSON goes as what it is, other words as a string.",
		Example:           "  waverider inst event emit - threshold '{\"max\": 20}'",
		Args:              args(cobra.RangeArgs(2, 3)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, more []string) error {
			var message json.RawMessage
			if len(more) == 2 {
				message = json.RawMessage(more[1])
				if !json.Valid(message) {
					quoted, err := json.Marshal(more[1])
					if err != nil {
						return err
					}
					message = quoted
				}
			}
			return c.SendEvent(ctx, id, more[0], message)
		}),
	}
}

func (a *app) eventOn() *cobra.Command {
	var next, stream bool
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "on INSTANCE NAME",
		Short: "Show an event a program emits",
		Long: `Show the message of an event the program emits, as JSON: the last one, and if there has
been none, the first to come. --next waits for the next one, --stream shows each.`,
		Example:           "  waverider inst event on - alert\n  waverider inst event on - alert --stream",
		Args:              args(cobra.ExactArgs(2)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		PreRunE: func(*cobra.Command, []string) error {
			if next && stream {
				return usage("--next and --stream exclude each other")
			}
			return nil
		},
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, more []string) (err error) {
			if timeout > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, timeout)
				defer cancel()
			}
			defer func() {
				if errors.Is(err, context.DeadlineExceeded) {
					err = waverider.Errorf(waverider.Timeout, "no event %q within %s", more[0], timeout)
				}
			}()
			if stream {
				text, err := c.Events(ctx, id, more[0])
				if err != nil {
					return err
				}
				return copyText(ctx, a.out, text)
			}
			raw, err := c.WaitEvent(ctx, id, more[0], !next)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.out, "%s\n", compact(raw))
			return err
		}),
	}
	cmd.Flags().BoolVarP(&next, "next", "n", false, "wait for the next one")
	alsoCalled(cmd, map[string]string{"once": "next"})
	cmd.Flags().BoolVarP(&stream, "stream", "s", false, "show each, one JSON value a line")
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "give up after this time (exit code 7)")
	return cmd
}
