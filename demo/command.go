package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"waverider/localhub"
	"waverider/tty"
)

// Command is `waverider demo`.
func Command() *cobra.Command {
	var d demo
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a Hub and three programs work on live figures of this machine",
		Long: `Start a Hub on a free port and three programs on it, joined by Topics: machine-figures
reads what the operating system says of this machine twice a second, rolling-stats computes
statistics over the last 30 seconds, alerts tells when the CPU is well above its mean. So
that there is an alert to see, half of the processors get 4 seconds of work every minute.

What flows is shown here until Ctrl-C, after which nothing of it is left: no process, no
folder. Kill the Hub or a program meanwhile: every record is numbered, and the display
counts what is lost or comes twice. Node 18 or newer must be installed.

On a terminal the display is redrawn in place; elsewhere it is a line a second.`,
		Example: "  waverider demo\n  waverider demo --for 10s | tee figures.txt",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plain, _ := cmd.Flags().GetBool("no-color")
			d.out, d.errs = cmd.OutOrStdout(), cmd.ErrOrStderr()
			d.terminal = tty.Of(d.out, plain)
			ctx, cancel := limited(cmd.Context(), limit)
			defer cancel()
			return d.run(ctx)
		},
	}
	cmd.Flags().BoolVar(&d.load, "load", true, "make some load now and then")
	cmd.Flags().DurationVar(&limit, "for", 0, "end by itself after this time, such as 10s")
	return cmd
}

// limited ends with ctx, and after limit if there is one.
func limited(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// demo is one run of the command.
type demo struct {
	out, errs io.Writer
	terminal  tty.Terminal
	load      bool   // make some now and then
	binary    string // waverider itself, in tests; default: this program
}

func (d *demo) run(ctx context.Context) error {
	began := time.Now()
	ctx, out, stop := tty.UntilGone(ctx, d.out)
	defer stop()
	d.out = out
	restarts := make(chan int, 1)
	hub, err := localhub.Start(ctx, localhub.Config{Binary: d.binary, Restart: true, Restarted: func(pid int) { latest(restarts, pid) }})
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	show, err := d.work(ctx, hub, restarts)
	err = errors.Join(ignoreEnd(ctx, err), hub.Close())
	if err == nil && show != nil {
		fmt.Fprintf(d.out, "\nEnded after %s: %s.\nThe Hub, its programs and their files are gone.\nWrite a program of your own: %s init my-program\n",
			time.Since(began).Round(time.Second), show.outcome(), self())
	}
	return err
}

// ignoreEnd drops what went wrong because the demo was ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// latest puts v into a channel of capacity 1 in place of what is in it.
func latest[T any](ch chan T, v T) {
	for {
		select {
		case ch <- v:
			return
		default:
		}
		select {
		case <-ch:
		default:
		}
	}
}

// self is how the reader can call waverider.
func self() string {
	name := os.Args[0]
	if filepath.Base(name) == name {
		return name
	}
	if wd, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(wd, name); err == nil && filepath.IsLocal(rel) {
			return "./" + rel
		}
	}
	return name
}
