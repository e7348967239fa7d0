package cli

import (
	"context"
	"path/filepath"

	"github.com/spf13/cobra"

	"waverider/client"
)

func (a *app) topicSend() *cobra.Command {
	var o client.TopicSendOptions
	var kind string
	cmd := &cobra.Command{
		Use:               "send NAME [FILE]",
		Short:             "Send records to a Topic",
		Example:           "  waverider topic send prices data.ndjson",
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveDefault),
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, more []string) error {
			in, err := a.openInput(more)
			if err != nil {
				return err
			}
			defer in.Close()
			if o.ContentType, err = a.sendType(ctx, c, name, kind, more); err != nil {
				return err
			}
			a.rememberTopic(c, name)
			_, err = c.SendTopic(ctx, name, in, o)
			return in.failure(err)
		}),
	}
	cmd.Flags().StringVarP(&kind, "type", "t", "", "content type, of a Topic that is not there yet")
	return cmd
}

// sendType is the content type that is sent: the one the user says, that of the
// Topic, or what the file's name says.
func (a *app) sendType(ctx context.Context, c *client.Client, name, flag string, more []string) (string, error) {
	if kind, err := contentType(flag); err != nil || kind != "" {
		return kind, err
	}
	if kind, err := knownType(ctx, c, name); err != nil || kind != "" {
		return kind, err
	}
	if len(more) == 1 && more[0] != lastWord {
		if kind, ok := inputTypes[filepath.Ext(more[0])]; ok {
			return kind, nil
		}
	}
	return "", noTopic(name)
}
