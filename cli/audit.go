package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider/client"
)

func (a *app) hubAudit() *cobra.Command {
	return a.logCommand(&cobra.Command{
		Use:   "audit",
		Short: "Show what was asked of the Hub, and by whom",
		Long: `Show what was asked of the Hub's Sequences, Instances and Topics, and by whom: two
records for each request, with a number for what it was (docs/api.md lists them). Of a
Hub that has joined a Space it also shows how their Link was, and what the Space has changed. Where
the Hub wants tokens, this takes an admin's. -o json shows the records as they are.`,
		Example: "  waverider hub audit --tail 20\n  waverider hub audit -f -o json | jq .opCode",
	}, a.connect, (*client.Client).Audit, prettyAudit)
}

// prettyAudit is a record of the audit as people read it; what is none stays
// as it is.
func prettyAudit(_ *app, line []byte) string {
	var r struct {
		OpCode      int    `json:"opCode"`
		OpState     string `json:"opState"`
		ObjectID    string `json:"objectId"`
		RequestorID string `json:"requestorId"`
		ReceivedAt  int64  `json:"receivedAt"`

		Via, Action, Detail string
	}
	if json.Unmarshal(line, &r) != nil || r.ReceivedAt == 0 {
		return plain(string(line))
	}
	at, by := time.UnixMilli(r.ReceivedAt).Format("15:04:05.000"), plainLine(dash(r.RequestorID))
	if r.Via != "" {
		by += " via " + plainLine(r.Via)
	}
	if r.Action != "" {
		return strings.TrimRight(fmt.Sprintf("%s %s %s by %s %s", at, plainLine(r.Action), plainLine(dash(r.ObjectID)), by, plainLine(r.Detail)), " ") + "\n"
	}
	return fmt.Sprintf("%s %-5s %d %s by %s\n", at, plainLine(r.OpState), r.OpCode, plainLine(dash(r.ObjectID)), by)
}

// logCommand makes cmd show a log that open streams from who answers: entries since
// a moment, the last so many, and on with what comes.
func (a *app) logCommand(cmd *cobra.Command, connect func() (*client.Client, error), open func(*client.Client, context.Context, bool) (io.ReadCloser, error), pretty prettyEntry) *cobra.Command {
	var f logFlags
	cmd.Args = args(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		since, err := f.from(time.Now())
		if err != nil {
			return err
		}
		c, err := connect()
		if err != nil {
			return err
		}
		p := &logPrinter{app: a, since: since, tail: f.tail, pretty: pretty}
		read := func(ctx context.Context, follow bool) error {
			text, err := open(c, ctx, follow)
			if err != nil {
				return err
			}
			_, err = p.read(ctx, text)
			return err
		}
		if f.follow && f.tail < 0 {
			return read(cmd.Context(), true)
		}
		if err := read(cmd.Context(), false); err != nil {
			return err
		}
		if err := p.flushTail(); err != nil || !f.follow {
			return err
		}
		if p.last > 0 { // the Hub replays what was shown already
			p.since = time.UnixMilli(p.last + 1)
		}
		return read(cmd.Context(), true)
	}
	f.register(cmd)
	return cmd
}
