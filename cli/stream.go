package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

// inputTypes by the end of a file's name.
var inputTypes = map[string]string{
	".ndjson": "application/x-ndjson",
	".jsonl":  "application/x-ndjson",
	".json":   "application/x-ndjson",
	".txt":    "text/plain",
	".csv":    "text/plain",
	".log":    "text/plain",
}

func (a *app) instInput() *cobra.Command {
	var contentType string
	var keepOpen bool
	cmd := &cobra.Command{
		Use:   "input INSTANCE [FILE]",
		Short: "Feed a program",
		Long: `Feed the program's input from a file, or from stdin. At the end the input ends, unless
--keep-open leaves it for others. The first feed fixes the type of the input for the
life of the Instance: --type, else what the file's name says, else text/plain.`,
		Example: `  waverider inst input - data.ndjson
  tail -f /var/log/syslog | waverider inst input -
  echo '{"a":1}' | waverider inst input - --type application/x-ndjson --keep-open`,
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveDefault),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, more []string) error {
			in, err := a.openInput(more)
			if err != nil {
				return err
			}
			defer in.Close()
			kind := longType(contentType)
			if kind == "" {
				if kind, err = a.inputType(ctx, c, id, more); err != nil {
					return err
				}
			}
			return in.failure(c.WriteInput(ctx, id, in, client.InputOptions{ContentType: kind, KeepOpen: keepOpen}))
		}),
	}
	cmd.Flags().StringVarP(&contentType, "type", "t", "", "content type: ndjson|text|binary, or in full")
	cmd.Flags().BoolVarP(&keepOpen, "keep-open", "k", false, "leave the input open at the end")
	alsoCalled(cmd, map[string]string{"content-type": "type"})
	endsAnyway(cmd)
	_ = cmd.RegisterFlagCompletionFunc("type", completeTypes)
	return cmd
}

// inputType is what the input is already, else what the file's name says.
func (a *app) inputType(ctx context.Context, c *client.Client, id string, more []string) (string, error) {
	i, err := c.Instance(ctx, id)
	if err != nil || i.Input.ContentType != "" {
		return i.Input.ContentType, err
	}
	if len(more) == 1 && more[0] != lastWord {
		if kind, ok := inputTypes[filepath.Ext(more[0])]; ok {
			return kind, nil
		}
	}
	return "text/plain", nil
}

// input is what a command reads and sends. It remembers why it could not be
// read, which is no fault of the Hub.
type input struct {
	io.ReadCloser
	mu  sync.Mutex
	err error
}

// openInput opens the file that is named, or stdin.
func (a *app) openInput(more []string) (*input, error) {
	if len(more) == 0 || more[0] == lastWord {
		if isTerminal(a.in) {
			a.note("feeding what you type; end with Ctrl-D")
		}
		return &input{ReadCloser: io.NopCloser(a.in)}, nil
	}
	f, err := os.Open(more[0])
	if err != nil {
		return nil, &waverider.Error{Kind: waverider.NotFound, Message: "open " + more[0], Err: errors.Unwrap(err)}
	}
	return &input{ReadCloser: f}, nil
}

func (in *input) Read(p []byte) (int, error) {
	n, err := in.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		in.mu.Lock()
		in.err = err
		in.mu.Unlock()
	}
	return n, err
}

// failure is why sending it failed with err.
func (in *input) failure(err error) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil && in.err != nil {
		return in.err
	}
	return err
}

func (a *app) instStdin() *cobra.Command {
	var keepOpen bool
	cmd := &cobra.Command{
		Use:               "stdin INSTANCE [FILE]",
		Short:             "Write to a program's standard input",
		Example:           "  echo hello | waverider inst stdin - --keep-open",
		Args:              args(cobra.RangeArgs(1, 2)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveDefault),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, more []string) error {
			in, err := a.openInput(more)
			if err != nil {
				return err
			}
			defer in.Close()
			return in.failure(c.WriteStdin(ctx, id, in, keepOpen))
		}),
	}
	cmd.Flags().BoolVarP(&keepOpen, "keep-open", "k", false, "leave it open at the end")
	return cmd
}

func (a *app) instOutput() *cobra.Command {
	return &cobra.Command{
		Use:   "output INSTANCE",
		Short: "Read what a program puts out",
		Long: `Read what the program puts out: first what nobody has read yet, then what comes, until
its output ends. Every reader gets all that comes while it reads.`,
		Example:           "  waverider inst output - | jq .",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			if err := outputElsewhere(ctx, c, id); err != nil {
				return err
			}
			text, err := c.ReadOutput(ctx, id, 0)
			if err != nil {
				return err
			}
			return copyText(ctx, a.out, text)
		}),
	}
}

// instText is the command that reads stdout or stderr.
func (a *app) instText(name string) *cobra.Command {
	var o client.ReadOptions
	cmd := &cobra.Command{
		Use:   name + " INSTANCE",
		Short: "Read a program's " + name,
		Long: fmt.Sprintf(`Read the program's %s: first what nobody has read yet, then what comes, until the
Instance has ended. --from start reads again all that is kept.`, name),
		Example:           fmt.Sprintf("  waverider inst %s -\n  waverider inst %s - --from start --once", name, name),
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		PreRunE: func(*cobra.Command, []string) error {
			if n, err := strconv.ParseInt(o.From, 10, 64); o.From != "" && o.From != "start" && o.From != "end" && (err != nil || n < 0) {
				return usage("--from %q: want start, end, or an offset in bytes", o.From)
			}
			return nil
		},
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			text, err := c.Read(ctx, id, name, o)
			if err != nil {
				return err
			}
			return copyText(ctx, a.out, text)
		}),
	}
	cmd.Flags().StringVar(&o.From, "from", "", "start, end, or an offset in bytes")
	cmd.Flags().BoolVar(&o.Once, "once", false, "end at what there is now")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions([]string{"start", "end"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

var errCut = errors.New("the stream was cut before its end: the Hub has stopped, or the connection broke")

// copyText copies a stream to its end and closes it.
func copyText(ctx context.Context, w io.Writer, text io.ReadCloser) error {
	defer text.Close()
	_, err := io.Copy(w, text)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errCut
	}
	return err
}
