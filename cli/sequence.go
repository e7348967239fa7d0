package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) sequences() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "seq",
		Aliases: []string{"sequence"},
		Short:   "Sequences: pack, send, start, list, delete",
		Long: `A Sequence is a program a Hub knows: a package made of a folder with a package.json.

  waverider seq deploy ./my-program        pack, send and start at once
  waverider seq pack ./my-program          only make my-program.tar.gz
  waverider seq send my-program.tar.gz     only give it to the Hub
  waverider seq start -                    start the one sent last`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.seqPack(), a.seqSend(), a.seqList(), a.seqInfo(), a.seqStart(), a.seqDeploy(),
		a.seqUpdate(), a.seqDelete(), a.seqPrune(), a.seqUse())
	return cmd
}

// args makes a cobra check of the number of arguments into a usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, list []string) error {
		if err := check(cmd, list); err != nil {
			return usage("%s", err)
		}
		return nil
	}
}

func sequenceName(s client.Sequence) string { return cmp.Or(s.Name, s.Config.Name) }

func (a *app) seqList() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List the Sequences of the Hub",
		Example: "  waverider seq list\n  waverider seq list --name my-program -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			all, err := c.Sequences(cmd.Context())
			if err != nil {
				return err
			}
			list := make([]client.Sequence, 0, len(all))
			for _, s := range all {
				if name == "" || sequenceName(s) == name {
					list = append(list, s)
				}
			}
			return a.showSequences(list)
		},
	}
	cmd.Flags().StringVarP(&name, "name", "n", "", "only those of this name")
	return cmd
}

func (a *app) showSequences(list []client.Sequence) error {
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = string(s.ID)
	}
	return a.show(list, names, func() table {
		t := table{head: []string{"ID", "NAME", "VERSION", "LANGUAGE", "INSTANCES", "AGE", "REVISION", "SIZE", "DESCRIPTION"}, wide: 6}
		for _, s := range list {
			t.rows = append(t.rows, []string{string(s.ID), dash(sequenceName(s)), dash(s.Config.Version), dash(s.Config.Language),
				strconv.Itoa(len(s.Instances)), age(s.Created), strconv.Itoa(s.Revision), size(float64(s.Config.Size)), s.Config.Description})
		}
		return t
	})
}

func (a *app) seqInfo() *cobra.Command {
	return &cobra.Command{
		Use:               "info SEQUENCE",
		Aliases:           []string{"get"},
		Short:             "Show one Sequence",
		Example:           "  waverider seq info my-program\n  waverider seq info - -o json",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeSequences(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			c, s, err := a.findSequence(cmd.Context(), list[0])
			if err != nil {
				return err
			}
			a.remember(c, func(l *last) { l.Sequence = string(s.ID) })
			return a.show(s, []string{string(s.ID)}, func() table {
				t := fields("id", string(s.ID), "name", sequenceName(s), "version", s.Config.Version, "description", s.Config.Description,
					"author", s.Config.Author, "language", s.Config.Language, "main", s.Config.Entry, "size", size(float64(s.Config.Size)),
					"revision", strconv.Itoa(s.Revision), "created", when(s.Created), "hub", s.Location)
				for _, id := range s.Instances {
					t.rows = append(t.rows, []string{"instance", string(id)})
				}
				return t
			})
		},
	}
}

// findSequence asks the Hub for the Sequence a word means.
func (a *app) findSequence(ctx context.Context, word string) (*client.Client, client.Sequence, error) {
	c, err := a.connect()
	if err != nil {
		return nil, client.Sequence{}, err
	}
	id, err := a.lastSequence(c, word)
	if err != nil {
		return nil, client.Sequence{}, err
	}
	s, err := c.Sequence(ctx, id)
	return c, s, missing(err, "seq")
}

// missing adds to "not found" how to see what there is; files are not the Hub's.
func missing(err error, group string) error {
	if errors.As(err, new(syscall.Errno)) {
		return err
	}
	if noHub(err) {
		return missingHub(err)
	}
	if err != nil && waverider.KindOf(err) == waverider.NotFound && !errors.As(err, new(*hinted)) {
		return &hinted{err, fmt.Sprintf("waverider %s list shows what there is", group)}
	}
	return err
}

func (a *app) seqUse() *cobra.Command {
	return &cobra.Command{
		Use:               "use SEQUENCE",
		Aliases:           []string{"select"},
		Short:             "Let \"-\" mean this Sequence",
		Example:           "  waverider seq use my-program && waverider seq start -",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeSequences(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			c, s, err := a.findSequence(cmd.Context(), list[0])
			if err != nil {
				return err
			}
			a.remember(c, func(l *last) { l.Sequence = string(s.ID) })
			return a.id(string(s.ID))
		},
	}
}

func (a *app) seqDelete() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "delete SEQUENCE...",
		Aliases: []string{"rm"},
		Short:   "Delete Sequences",
		Long:    "Delete Sequences. While Instances of one run it is refused; --force kills them first.",
		Example: "  waverider seq delete my-program\n  waverider seq delete -f -",
		Args:    args(cobra.MinimumNArgs(1)),

		ValidArgsFunction: a.completeSequences(1000, cobra.ShellCompDirectiveNoFileComp),
		RunE: func(cmd *cobra.Command, list []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			for _, word := range list {
				_, s, err := a.findSequence(cmd.Context(), word)
				if err != nil {
					return err
				}
				if err := deleteSequence(cmd.Context(), c, string(s.ID), force); err != nil {
					return err
				}
				if err := a.id(string(s.ID)); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "kill its Instances first")
	return cmd
}

func deleteSequence(ctx context.Context, c *client.Client, id string, force bool) error {
	err := c.DeleteSequence(ctx, id, force)
	var e *waverider.Error
	if errors.As(err, &e) && e.Kind == waverider.Conflict && e.Detail["candidates"] == nil && !force {
		return &hinted{err, "stop its Instances, or kill them along with it: waverider seq delete -f " + id}
	}
	return missing(err, "seq")
}

func (a *app) seqPrune() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "prune",
		Short:   "Delete all Sequences that no Instance runs",
		Long:    "Delete all Sequences that no Instance runs. --force kills the Instances and deletes every Sequence.",
		Example: "  waverider seq prune",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			list, err := c.Sequences(cmd.Context())
			if err != nil {
				return err
			}
			for _, s := range list {
				err := c.DeleteSequence(cmd.Context(), string(s.ID), force)
				switch kind := waverider.KindOf(err); {
				case err == nil:
					if err := a.id(string(s.ID)); err != nil {
						return err
					}
				case kind == waverider.Conflict && !force: // in use, and so kept
				case kind == waverider.NotFound: // someone else was faster
				default:
					return fmt.Errorf("delete %s: %w", s.ID, err)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&force, "force", "f", false, "also those that run: kill their Instances")
	return cmd
}
