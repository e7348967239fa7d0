package cli

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topics() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "topic",
		Short: "Topics: create, send, get, watch, delete",
		Long: `A Topic is a named, ordered stream of records of one content type. Programs and people
send to it and read from it, each at their own speed.

  waverider topic create prices                       of NDJSON, each record on disk when acked
  waverider topic send prices data.ndjson             send a file, or stdin
  waverider topic get prices                          go on where the last reader stopped, and follow
  waverider topic get prices --from start --no-follow all that is kept
  waverider topic info prices                         how full it is, who reads and who lags
  waverider topic promote prices                      let it be of the Space, not of this Hub alone`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.topicCreate(), a.topicList(), a.topicInfo(), a.topicUse(), a.topicGet(), a.topicSend(), a.topicAck(),
		a.topicSet(), a.topicPromote(), a.topicForget(), a.topicDelete())
	return cmd
}

// onTopic is a command's run that works on the Topic its first argument names;
// "-" means that Topic from then on.
func (a *app) onTopic(run func(ctx context.Context, c *client.Client, name string, more []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, list []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		name, err := a.topicName(c, list[0])
		if err != nil {
			return err
		}
		err = run(cmd.Context(), c, name, list[1:])
		return missing(err, "topic")
	}
}

// topicName is the name a word means. What cannot be one is not sent.
func (a *app) topicName(c *client.Client, word string) (string, error) {
	word, err := recall(c, word, "Topic", func(l last) string { return l.Topic })
	if err != nil {
		return "", err
	}
	if _, err := waverider.ParseTopicRef(word); err != nil {
		return "", usage("%s", err)
	}
	return word, nil
}

func (a *app) rememberTopic(c *client.Client, name string) {
	a.remember(c, func(l *last) { l.Topic = name })
}

func (a *app) topicList() *cobra.Command {
	var kind string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the Topics of the Hub",
		Example: "  waverider topic list\n  waverider topic list --type text -o name",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			want, err := contentType("--type", kind)
			if err != nil {
				return err
			}
			all, err := c.Topics(cmd.Context())
			if err != nil {
				return err
			}
			list := make([]client.Topic, 0, len(all))
			for _, t := range all {
				if want == "" || t.ContentType == want {
					list = append(list, t)
				}
			}
			return a.showTopics(list)
		},
	}
	cmd.Flags().StringVarP(&kind, "type", "t", "", "only those of this content type")
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
	return cmd
}

func (a *app) showTopics(list []client.Topic) error {
	names := make([]string, len(list))
	for i, t := range list {
		names[i] = string(t.Name)
	}
	return a.show(list, names, func() table {
		t := table{head: []string{"NAME", "TYPE", "DURABILITY", "SCOPE", "MAX SIZE", "MAX AGE", "OWNER", "WHEN FULL", "MAX RECORD", "DESCRIPTION"}, wide: 7}
		for _, topic := range list {
			d := waverider.TopicConfig{Durability: topic.Durability, Scope: topic.Scope, MaxBytes: topic.MaxBytes, MaxRecord: topic.MaxRecord}.WithDefaults()
			t.rows = append(t.rows, []string{string(topic.Name), topic.ContentType, string(d.Durability), string(d.Scope), size(float64(d.MaxBytes)),
				dash(days(topic.MaxAge)), dash(topic.Owner), whenFull(topic.Discard), size(float64(d.MaxRecord)), topic.Description})
		}
		return t
	})
}

func whenFull(d waverider.Discard) string {
	if d == waverider.DiscardOld {
		return "drop oldest"
	}
	return "wait"
}

// knownType is the content type of a Topic; empty when there is none.
func knownType(ctx context.Context, c *client.Client, name string) (string, error) {
	list, err := c.Topics(ctx)
	for _, t := range list {
		if string(t.Name) == name {
			return cmp.Or(t.ContentType, waverider.TypeNDJSON), err
		}
	}
	return "", err
}
