package cli

import (
	"context"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topicGet() *cobra.Command {
	var o client.TopicReadOptions
	var kind string
	cmd := &cobra.Command{
		Use:               "get NAME",
		Short:             "Read a Topic",
		Example:           "  waverider topic get prices",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
			var err error
			if o.ContentType, err = contentType(kind); err != nil {
				return err
			}
			if o.ContentType == "" {
				if o.ContentType, err = knownType(ctx, c, name); err != nil {
					return err
				}
			}
			if o.ContentType == "" {
				return noTopic(name)
			}
			a.rememberTopic(c, name)
			records, err := c.ReadTopic(ctx, name, o)
			if err != nil {
				return err
			}
			return copyText(ctx, a.out, records)
		}),
	}
	fs := cmd.Flags()
	fs.StringVar(&o.From, "from", "", "start, new, a cursor, a time or an age such as 10m")
	fs.Uint64VarP(&o.Limit, "limit", "n", 0, "end after so many records")
	fs.BoolVar(&o.Once, "no-follow", false, "end at what there is now")
	fs.StringVarP(&kind, "type", "t", "", "content type, to make a Topic that is not there")
	return cmd
}

// noTopic is the error for one that is not there.
func noTopic(name string) error {
	return &hinted{waverider.Errorf(waverider.NotFound, "Topic %s not found", name),
		"waverider topic create " + name + " makes it, and so does --type; waverider topic list shows what there is"}
}
