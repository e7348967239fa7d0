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

	"waverider/tty"
)

// Command is `waverider demo`.
func Command() *cobra.Command {
	var d demo
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See a Space and two Hubs work, cut the way between them, and count what is lost",
		Long: `Start a Space and two Hubs on free ports of this machine, each a process, and three
programs on them, joined by Topics. On the Hub "edge" machine-figures reads what the
operating system says of this machine five times a second. The Topic it writes goes over
the Link to the Space and on to the Hub "cloud", where rolling-stats computes statistics
over the last 30 seconds, and alerts tells when the CPU is well above its mean. So that
there is an alert to see, half of the processors get 4 seconds of work every minute.

On a terminal these keys work meanwhile:

  l        cuts the Link of edge, or heals it; while it is cut edge goes on and stores
  e s c    kill -9 edge, the Space, cloud: each comes back
  m r a    kill -9 machine-figures, rolling-stats, alerts: each is started again
  q        ends: heals, measures no more, waits until all has arrived
  Ctrl-C   ends at once

Every reading is numbered, and the display counts what is lost, comes twice or out of
order. Nothing is left of it: no process, no folder. Node 18 or newer must be installed.

On a terminal the display is redrawn in place; elsewhere it is a line a second. The exit
code is 1 when something was lost, doubled or reordered, or did not arrive.`,
		Example: `  waverider demo
  waverider demo --for 10s | tee figures.txt
  waverider demo --keys "5s l 8s l 2s q"     as if struck, with pauses: cut for 8 seconds, heal, end`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			plain, _ := cmd.Flags().GetBool("no-color")
			d.in, d.out = cmd.InOrStdin(), cmd.OutOrStdout()
			d.terminal = tty.Of(d.out, plain)
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&d.load, "load", true, "make some load now and then")
	cmd.Flags().DurationVar(&d.limit, "for", 0, "end by itself after this time, such as 10s, as the key q does")
	cmd.Flags().Var(&d.script, "keys", "keys to strike, and pauses between them")
	return cmd
}

// demo is one run of the command.
type demo struct {
	in       io.Reader
	out      io.Writer
	terminal tty.Terminal
	load     bool          // make some now and then
	limit    time.Duration // 0: none
	script   script
	binary   string // waverider itself, in tests; default: this program
}

func (d *demo) run(ctx context.Context) error {
	began := time.Now()
	ctx, out, stop := tty.UntilGone(ctx, d.out)
	defer stop()
	d.out = out
	m, err := startMesh(ctx, d.binary)
	if err != nil {
		return ignoreEnd(ctx, err)
	}
	show, err := d.work(ctx, m)
	err = errors.Join(ignoreEnd(ctx, err), m.close())
	if show == nil || err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nEnded after %s: %s.\nThe Space, the Hubs, their programs and their files are gone.\nWrite a program of your own: %s init my-program\n",
		time.Since(began).Round(time.Second), show.outcome(), self())
	return show.failure()
}

// ignoreEnd drops what went wrong because the demo was ended.
func ignoreEnd(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
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
