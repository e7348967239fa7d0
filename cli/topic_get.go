package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topicGet() *cobra.Command {
	var f getFlags
	cmd := &cobra.Command{
		Use:   "get NAME",
		Short: "Read a Topic",
		Long: `Write the records of a Topic to stdout, byte for byte as they were sent, and go on with
what comes until Ctrl-C. When the Hub goes away, the command waits for it and goes on.

Where it begins, and what is remembered:

  (nothing)        where the last such reader stopped. All readers of a Topic without
                   --from and --group share this place; it holds no records back.
  --from start     the oldest record; "new" is the next one to come. A cursor, a time
                   (2026-05-04T10:00:00Z) or an age (10m, 7d) do as well. Nothing is remembered.
  --group NAME     where the group stopped; new groups begin as --from says, else at the
                   oldest record. Readers of a group share its records. The group's place
                   moves on when records are written to stdout; what it has not come to
                   is not dropped.

It ends with --no-follow at what there is now, with --limit after so many records.`,
		Example: `  waverider topic get prices
  waverider topic get prices --from start --no-follow > prices.ndjson
  waverider topic get prices --from 10m | jq .eur
  waverider topic get orders --group billing | ./bill
  waverider topic get orders --from new -n 1 --envelope      # with its cursor and time`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
	}
	cmd.RunE = a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
		o, err := f.options(time.Now())
		if err != nil {
			return err
		}
		kind, err := knownType(ctx, c, name)
		if err != nil {
			return err
		}
		if kind == "" && o.ContentType == "" {
			return noTopic(name)
		}
		if o.ContentType == "" {
			o.ContentType = kind
		}
		a.rememberTopic(c, name)
		if o.Once && o.Group == "" {
			return a.dumpTopic(ctx, c, name, o)
		}
		return a.followTopic(ctx, c, name, o)
	})
	f.register(a, cmd)
	return cmd
}

// getFlags are the flags of `topic get`.
type getFlags struct {
	from, group, ack, kind string
	expire                 ageFlag
	limit                  uint64
	follow, noFollow       bool
	envelope               bool
}

func (f *getFlags) register(a *app, cmd *cobra.Command) {
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "where to begin: start, new, a cursor, a time or an age")
	fs.Uint64VarP(&f.limit, "limit", "n", 0, "end after so many records")
	fs.BoolVarP(&f.follow, "follow", "f", true, "go on with what comes")
	fs.BoolVar(&f.noFollow, "no-follow", false, "end at what there is now")
	fs.StringVarP(&f.group, "group", "g", "", "read as this group, whose place is remembered")
	fs.StringVar(&f.ack, "ack", "auto", "when a group's place moves on: auto (when records are written) or explicit (by \"topic ack\")")
	fs.Var(&f.expire, "expire", "forget a new group that is unread for this time (default 7d)")
	fs.BoolVarP(&f.envelope, "envelope", "e", false, `write {"cursor": …, "time": …, "data": …} for each record, one a line`)
	fs.StringVarP(&f.kind, "type", "t", "", "content type: ndjson|text|binary; makes a Topic that is not there")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(
		[]string{"start\tthe oldest record", "new\tthe next to come", "10m\tan age"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("group", a.completeGroupFlag)
	_ = cmd.RegisterFlagCompletionFunc("ack", cobra.FixedCompletions([]string{"auto", "explicit"}, cobra.ShellCompDirectiveNoFileComp))
	alsoCalled(cmd, map[string]string{"content-type": "type"})
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
}

// options checks the flags before anything is sent.
func (f *getFlags) options(now time.Time) (o client.TopicReadOptions, err error) {
	if o.ContentType, err = contentType("--type", f.kind); err != nil {
		return o, err
	}
	if o.From, err = readFrom(f.from, now); err != nil {
		return o, err
	}
	if f.ack != "auto" && f.ack != "explicit" {
		return o, usage("--ack %q: want auto or explicit", f.ack)
	}
	if f.group == "" && (f.ack == "explicit" || f.expire != 0) {
		return o, usage("--ack and --expire are for a --group: other readers hold nothing back")
	}
	o.Limit, o.Group, o.Envelope = f.limit, f.group, f.envelope
	o.Once = f.noFollow || !f.follow
	o.ExplicitAck, o.Expire = f.ack == "explicit", time.Duration(f.expire)
	return o, nil
}

// readFrom is --from as the API takes it: an age becomes a time, so that it is
// counted from when the command was given. What is no other word is a cursor.
func readFrom(text string, now time.Time) (string, error) {
	switch text = strings.TrimSpace(text); text {
	case "", "start", "new":
		return text, nil
	}
	if at, ok := past(text, now); ok {
		return at.UTC().Format(time.RFC3339Nano), nil
	}
	if len(text) < 12 || strings.ContainsAny(text, " :.+/") {
		return "", usage("--from %q: want start, new, a cursor, a time such as 2026-05-04T10:00:00Z, or an age such as 10m", text)
	}
	return text, nil
}

// noTopic is the error for one that is not there.
func noTopic(name string) error {
	return &hinted{waverider.Errorf(waverider.NotFound, "Topic %s not found", name),
		"waverider topic create " + name + " makes it, and so does --type; waverider topic list shows what there is"}
}

// dumpTopic writes what there is.
func (a *app) dumpTopic(ctx context.Context, c *client.Client, name string, o client.TopicReadOptions) error {
	records, err := c.ReadTopic(ctx, name, o)
	if err != nil {
		return err
	}
	if err := copyText(ctx, a.out, records); err != nil {
		return err
	}
	if _, missed := records.End(); !o.Envelope {
		a.tellMissed(missed)
	}
	return nil
}

// tellMissed says that records are missing, also where nobody looks: what
// is lost is never lost silently.
func (a *app) tellMissed(n uint64) {
	if n > 0 {
		fmt.Fprintf(a.err, "waverider: %d records were dropped before they could be read\n", n)
	}
}
