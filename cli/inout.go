package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"waverider/client"
)

func (a *app) instInOut() *cobra.Command {
	var contentType string
	var keepOpen bool
	cmd := &cobra.Command{
		Use:   "inout INSTANCE [FILE]",
		Short: "Feed a program and read what it puts out",
		Long: `Feed the program's input from a file, or from stdin, and show its output at the same
time, until the output ends. At the end of what is read the input ends too, unless
--keep-open leaves it for others. The type of the input is that of "inst input".
A program that fails makes the command fail too, with its error.`,
		Example: `  waverider inst inout - data.ndjson > result.ndjson
  ./produce | waverider inst inout - --type application/x-ndjson | ./consume`,
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveDefault),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, more []string) error {
			if err := outputElsewhere(ctx, c, id); err != nil {
				return err
			}
			kind := longType(contentType)
			if kind == "" {
				var err error
				if kind, err = a.inputType(ctx, c, id, more); err != nil {
					return err
				}
			}
			in, err := a.openInput(more)
			if err != nil {
				return err
			}
			defer in.Close()
			text, err := c.InOut(ctx, id, in, kind, !keepOpen)
			if err != nil {
				return in.failure(err)
			}
			return in.failure(orFailed(ctx, c, id, copyText(ctx, a.out, text)))
		}),
	}
	cmd.Flags().StringVarP(&contentType, "type", "t", "", "content type: ndjson|text|binary, or in full")
	cmd.Flags().BoolVarP(&keepOpen, "keep-open", "k", false, "leave the input open at the end")
	alsoCalled(cmd, map[string]string{"content-type": "type"})
	endsAnyway(cmd)
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
	return cmd
}

// orFailed is err, or that the program has failed: to who still sends input that
// may look like the end of the output, or like a connection cut by the Hub.
func orFailed(ctx context.Context, c *client.Client, id string, err error) error {
	if err != nil && !errors.Is(err, errCut) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second) // it may be about to end
	defer cancel()
	i, ask := awaitEnd(ctx, c, id)
	if ask != nil || i.Terminated == nil || err == nil && i.Terminated.ExitCode == 0 {
		return err
	}
	text := fmt.Sprintf("Instance %s has ended: %s (exit code %d)", id, i.Terminated.Reason, i.Terminated.ExitCode)
	if i.Error != "" {
		text += ": " + i.Error
	}
	return errors.New(text)
}
