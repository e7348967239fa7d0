package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) instAttach() *cobra.Command {
	var input bool
	cmd := &cobra.Command{
		Use:     "attach INSTANCE",
		Aliases: []string{"stdio"},
		Short:   "Watch a program until it ends",
		Long: `Show what the program puts out and prints, until it ends: its output and stdout on
stdout, its stderr on stderr. With --stdin, what you type goes to its standard input.
Ctrl-C leaves, and lets it run on. When the Instance ends, its exit code is the command's.`,
		Example:           "  waverider inst attach -\n  waverider inst attach - --stdin",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			return a.attach(ctx, c, id, input)
		}),
	}
	cmd.Flags().BoolVarP(&input, "stdin", "i", false, "write what you type to the program's stdin")
	return cmd
}

// attach copies all streams until the Instance has ended, and answers with its
// exit code.
func (a *app) attach(ctx context.Context, c *client.Client, id string, input bool) error {
	err := a.copyAll(ctx, c, id, input)
	if ctx.Err() != nil {
		a.note("\nInstance %s runs on; stop it with: waverider inst stop %s", id, id)
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	i, err := awaitEnd(ctx, c, id)
	if err != nil || i.Terminated == nil || i.Terminated.ExitCode == 0 {
		return err
	}
	text := fmt.Sprintf("Instance %s: %s (exit code %d)", id, i.Terminated.Reason, i.Terminated.ExitCode)
	if i.Error != "" {
		text += ": " + i.Error
	}
	return &programExit{code: i.Terminated.ExitCode, reason: text}
}

// copyAll copies the program's streams until they end.
func (a *app) copyAll(ctx context.Context, c *client.Client, id string, input bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, errs := &lockedWriter{w: a.out}, &lockedWriter{w: a.err}
	streams := []func() error{
		func() error { return a.copyOutput(ctx, c, id, out) },
		func() error {
			text, err := c.Read(ctx, id, client.Stdout, client.ReadOptions{})
			return copyOpened(ctx, out, text, err)
		},
		func() error {
			text, err := c.Read(ctx, id, client.Stderr, client.ReadOptions{})
			return copyOpened(ctx, errs, text, err)
		},
	}
	if input {
		// Nobody waits for it: a read of a terminal cannot be ended.
		go func() { _ = c.WriteStdin(ctx, id, a.in, false) }()
	}
	ended := make(chan error, len(streams))
	for _, copyOne := range streams {
		go func() { ended <- copyOne() }()
	}
	var first error
	for range streams {
		if err := <-ended; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// copyOutput copies the output of a program, unless that goes to a Topic.
func (a *app) copyOutput(ctx context.Context, c *client.Client, id string, w io.Writer) error {
	err := outputElsewhere(ctx, c, id)
	if err == nil {
		var text *client.Text
		text, err = c.ReadOutput(ctx, id, 0)
		if err = copyOpened(ctx, w, text, err); err == nil || ctx.Err() != nil {
			return err
		}
		if moved := outputElsewhere(ctx, c, id); moved != nil { // it may say so only when it is read already
			err = moved
		}
	}
	var h *hinted
	if errors.As(err, &h) {
		a.note("%s: %s", h, h.hint)
		return nil
	}
	return err
}

// outputElsewhere is an error when the output goes to a Topic.
func outputElsewhere(ctx context.Context, c *client.Client, id string) error {
	i, err := c.Instance(ctx, id)
	if err != nil || i.Provides == "" {
		return err
	}
	return &hinted{waverider.Errorf(waverider.NotAllowed, "the output of Instance %s goes to Topic %s", id, i.Provides), "waverider topic get " + i.Provides}
}

// copyOpened copies a stream that was opened, if it was. One that has gone
// already has nothing more to say.
func copyOpened(ctx context.Context, w io.Writer, text *client.Text, err error) error {
	if err != nil {
		if waverider.KindOf(err) == waverider.Gone {
			return nil
		}
		return err
	}
	return copyText(ctx, w, text)
}

// awaitEnd waits until the Instance has ended: its streams end shortly before.
func awaitEnd(ctx context.Context, c *client.Client, id string) (client.Instance, error) {
	for {
		i, err := c.Instance(ctx, id)
		var e *waverider.Error
		if errors.As(err, &e) && e.Kind == waverider.NotFound {
			return client.Instance{}, nil // ended, and removed
		}
		if err != nil || i.Status.Ended() {
			return i, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return i, err
		}
	}
}

// lockedWriter keeps pieces of several streams whole.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
