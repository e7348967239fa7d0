package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) utilities() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "util",
		Aliases: []string{"u"},
		Short:   "Small helpers that need no Hub",
		RunE:    group,
		Args:    cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.logFormat())
	return cmd
}

func (a *app) logFormat() *cobra.Command {
	return &cobra.Command{
		Use:     "log-format [FILE]",
		Aliases: []string{"lf"},
		Short:   "Make log entries readable",
		Long: `Show log entries, one JSON object a line, of a file or of stdin as "inst logs" shows
them. What is no entry stays as it is.`,
		Example: "  curl -sN $HUB/log | waverider util log-format\n  waverider util log-format hub.log",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, list []string) error {
			in, err := a.openInput(list)
			if err != nil {
				return err
			}
			p := &logPrinter{app: a, tail: -1}
			if _, err = p.read(cmd.Context(), in); err == nil && len(p.part) > 0 { // the last line has no end
				err = p.take(p.part)
			}
			return err
		},
	}
}
