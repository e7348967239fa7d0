package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topicSend() *cobra.Command {
	var o client.TopicSendOptions
	var kind string
	var acks bool
	cmd := &cobra.Command{
		Use:   "send NAME [FILE]",
		Short: "Send records to a Topic",
		Long: `Send a file, or stdin, to a Topic, and return when all its records are stored as the
Topic's durability says. Records of an NDJSON Topic are lines; others get the bytes as
they come, in records of what arrives together.

The content type is that of the Topic. A Topic that is not there is made when --type or
the name of the file (.ndjson, .jsonl, .json, .txt, .csv, .log) says what it holds.

When groups or Instances still need all that a full Topic keeps, the command waits for
them; with --no-wait it fails at once. With -o json it says where it ended.`,
		Example: `  waverider topic send prices data.ndjson
  tail -F access.log | waverider topic send access --type text
  ./produce | waverider topic send prices --acks > acked.ndjson
  waverider topic get orders --from start --no-follow | waverider topic send copy --type ndjson`,
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveDefault),
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, more []string) (err error) {
			if o.ContentType, err = a.sendType(ctx, c, name, kind, more); err != nil {
				return err
			}
			a.rememberTopic(c, name)
			in, err := a.openInput(more)
			if err != nil {
				return err
			}
			defer in.Close()
			if acks {
				return in.failure(a.sendAcked(ctx, c, name, in, o))
			}
			bar := newProgress(a, in.size())
			cursor, err := c.SendTopic(ctx, name, bar.reader(in), o)
			bar.end()
			if err != nil {
				return storedBefore(in.failure(err))
			}
			return a.showCursor(cursor)
		}),
	}
	cmd.Flags().StringVarP(&kind, "type", "t", "", "content type: ndjson|text|binary; makes a Topic that is not there")
	cmd.Flags().BoolVar(&acks, "acks", false, `write {"cursor": …, "records": …} as records become durable, one a line`)
	cmd.Flags().BoolVar(&o.NoWait, "no-wait", false, "fail when the Topic is full, rather than wait for its readers")
	alsoCalled(cmd, map[string]string{"content-type": "type"})
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
	return cmd
}

// storedBefore says how much of what was sent is stored all the same.
func storedBefore(err error) error {
	var e *waverider.Error
	if errors.As(err, &e) {
		if n, ok := e.Detail["records"].(float64); ok && n > 0 {
			return &hinted{err, fmt.Sprintf("the first %.0f records are stored: go on after them", n)}
		}
	}
	return err
}

// showCursor says where a command has come to, to those who ask: with -o.
func (a *app) showCursor(cursor string) error {
	if a.output == "table" || a.output == "wide" {
		return nil
	}
	return a.show(map[string]string{"cursor": cursor}, []string{cursor}, nil)
}

// sendType is the content type that is sent: the one the user says, that of the
// Topic, or what the file's name says.
func (a *app) sendType(ctx context.Context, c *client.Client, name, flag string, more []string) (string, error) {
	if kind, err := contentType("--type", flag); err != nil || kind != "" {
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

// size is how much there is to read; 0 when nobody knows.
func (in *input) size() int64 {
	f, ok := in.ReadCloser.(*os.File)
	if !ok {
		return 0
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return info.Size()
}

// sendAcked sends, and writes what the Hub says meanwhile. Without its last word
// some records may not be stored.
func (a *app) sendAcked(ctx context.Context, c *client.Client, name string, in io.Reader, o client.TopicSendOptions) error {
	acks, err := c.SendTopicAcked(ctx, name, in, o)
	if err != nil {
		return err
	}
	defer acks.Close()
	lines := bufio.NewScanner(acks)
	var last struct {
		Done  bool           `json:"done"`
		Error string         `json:"error"`
		Kind  waverider.Kind `json:"kind"`
		Count float64        `json:"records"`
	}
	for lines.Scan() {
		if _, err := a.out.Write(append(lines.Bytes(), '\n')); err != nil {
			return err
		}
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return errors.New("the Hub sent an ack that cannot be read")
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case last.Error != "":
		return storedBefore(&waverider.Error{Kind: last.Kind, Message: last.Error, Detail: map[string]any{"records": last.Count}})
	case !last.Done:
		return errors.New("the Hub stopped taking records: what it has not acked may not be stored")
	}
	return nil
}
