package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

// logFlags choose lines of a log.
type logFlags struct {
	follow bool
	since  string
	tail   int
}

func (f *logFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVarP(&f.follow, "follow", "f", false, "go on with what comes")
	cmd.Flags().StringVar(&f.since, "since", "", "only entries since then: 10m, 2h, or a time such as 2006-01-02T15:04:05Z")
	cmd.Flags().IntVar(&f.tail, "tail", -1, "only the last so many entries of what there is")
}

func (f *logFlags) from(now time.Time) (time.Time, error) {
	if f.since == "" {
		return time.Time{}, nil
	}
	if at, ok := past(f.since, now); ok {
		return at, nil
	}
	return time.Time{}, usage("--since %q: want a duration such as 10m, or a time such as 2006-01-02T15:04:05Z", f.since)
}

// past reads how long ago a moment was, or when, in local time unless it says
// otherwise.
func past(text string, now time.Time) (time.Time, bool) {
	if age, err := waverider.ParseAge(text); err == nil && age >= 0 {
		return now.Add(-time.Duration(age)), true
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func (a *app) instLogs() *cobra.Command {
	var f logFlags
	var since time.Time
	cmd := &cobra.Command{
		Use:     "logs INSTANCE",
		Aliases: []string{"log"},
		Short:   "Show the log of a program and its runner",
		Long: `Show the log of a program and its runner: all that is kept. -o json shows the entries as
they are, one JSON object a line. What the program prints is in stdout and stderr.`,
		Example: `  waverider inst logs - --tail 20
  waverider inst logs - -f --since 10m
  waverider inst logs - -o json | jq 'select(.level=="ERROR")'`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		PreRunE: func(*cobra.Command, []string) (err error) {
			since, err = f.from(time.Now())
			return err
		},
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			p := &logPrinter{app: a, since: since, tail: f.tail}
			// What is there first, so that --tail can count from its end; then from
			// that very byte on.
			text, err := c.Read(ctx, id, client.Log, client.ReadOptions{From: "start", Once: true})
			if err != nil {
				return err
			}
			next := text.Offset
			n, err := p.read(ctx, text)
			if err != nil {
				return err
			}
			if err := p.flushTail(); err != nil || !f.follow {
				return err
			}
			text, err = c.Read(ctx, id, client.Log, client.ReadOptions{From: strconv.FormatInt(next+n, 10)})
			if err != nil {
				return err
			}
			_, err = p.read(ctx, text)
			return errors.Join(err, p.flushTail())
		}),
	}
	f.register(cmd)
	return cmd
}

// logPrinter shows log entries: those since a moment, and of the first part
// the last tail ones.
type logPrinter struct {
	app    *app
	since  time.Time
	tail   int         // below 0: all
	pretty prettyEntry // nil: as a log entry
	held   [][]byte
	part   []byte // of a line that is not whole yet
	last   int64  // time of the newest entry, in ms
}

// prettyEntry is a line as people read it, with its end.
type prettyEntry func(*app, []byte) string

// read takes a stream to its end and tells how many bytes it had.
func (p *logPrinter) read(ctx context.Context, text io.ReadCloser) (n int64, err error) {
	defer text.Close()
	r := bufio.NewReaderSize(text, 64<<10)
	for {
		line, err := r.ReadBytes('\n')
		n += int64(len(line))
		if err == nil {
			line, p.part = append(p.part, line...), nil
			if err := p.take(line); err != nil {
				return n, err
			}
			continue
		}
		p.part = append(p.part, line...)
		switch {
		case ctx.Err() != nil:
			return n, ctx.Err()
		case errors.Is(err, io.EOF):
			return n, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return n, errors.New("the log was cut: the Hub has stopped, or the connection broke")
		}
		return n, err
	}
}

func (p *logPrinter) take(line []byte) error {
	var e struct{ TS, ReceivedAt int64 }
	if json.Unmarshal(line, &e) == nil {
		at := max(e.TS, e.ReceivedAt) // of a log, or of the audit
		if at > 0 && !p.since.IsZero() && at < p.since.UnixMilli() {
			return nil
		}
		p.last = max(p.last, at)
	}
	if p.tail < 0 {
		return p.print(line)
	}
	p.held = append(p.held, line)
	if len(p.held) > p.tail {
		p.held[0] = nil
		p.held = p.held[1:]
	}
	return nil
}

// flushTail shows what was held and lets everything through from now on.
func (p *logPrinter) flushTail() error {
	held := p.held
	p.held, p.tail = nil, -1
	for _, line := range held {
		if err := p.print(line); err != nil {
			return err
		}
	}
	return nil
}

func (p *logPrinter) print(line []byte) error {
	if p.app.output == "json" || p.app.output == "yaml" {
		_, err := p.app.out.Write(line)
		return err
	}
	pretty := p.pretty
	if pretty == nil {
		pretty = (*app).prettyLog
	}
	_, err := io.WriteString(p.app.out, pretty(p.app, line))
	return err
}

// prettyLog is a log entry as people read it; what is no entry stays as it is.
func (a *app) prettyLog(line []byte) string {
	var e map[string]json.RawMessage
	var level, msg string
	if json.Unmarshal(line, &e) != nil || json.Unmarshal(e["level"], &level) != nil ||
		len(e["msg"]) > 0 && json.Unmarshal(e["msg"], &msg) != nil {
		return plain(string(line))
	}
	var ts int64
	_ = json.Unmarshal(e["ts"], &ts)
	level = plain(level)
	codes := map[string]string{"ERROR": "31", "FATAL": "31", "WARN": "33", "DEBUG": "2", "TRACE": "2"}
	out := fmt.Sprintf("%s %s %s", time.UnixMilli(ts).Format("15:04:05.000"), a.paint(codes[level], fmt.Sprintf("%-5s", level)), plain(msg))
	var data []json.RawMessage
	if json.Unmarshal(e["data"], &data) == nil {
		for _, d := range data {
			out += " " + plain(compact(d))
		}
	}
	return out + plain(extra(line)) + "\n"
}

// extra is the other fields of an entry, as key=value in their own order.
func extra(line []byte) string {
	dec := json.NewDecoder(bytes.NewReader(line))
	if _, err := dec.Token(); err != nil {
		return ""
	}
	var b strings.Builder
	for dec.More() {
		key, err := dec.Token()
		var value json.RawMessage
		if err != nil || dec.Decode(&value) != nil {
			return b.String()
		}
		switch key {
		case "level", "msg", "ts", "from", "data":
		default:
			fmt.Fprintf(&b, " %v=%s", key, plainWord(value))
		}
	}
	return b.String()
}

// plainWord is a JSON value as it is, but for strings that are one word.
func plainWord(value json.RawMessage) string {
	var word string
	if json.Unmarshal(value, &word) == nil && word != "" && !strings.ContainsAny(word, " \t\n\"=") {
		return word
	}
	return compact(value)
}
