package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) instances() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "inst",
		Aliases: []string{"instance"},
		Short:   "Instances: watch, feed, read, stop",
		Long: `An Instance is one run of a Sequence.

  waverider inst list                     what runs, and what has run
  waverider inst output -                 what the program puts out
  waverider inst input - data.ndjson      feed it
  waverider inst logs - -f                follow its log
  waverider inst stop -                   ask it to end`,
		RunE: group,
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.instList(), a.instInfo(), a.instHealth(), a.instUse(), a.instInput(), a.instOutput(), a.instInOut(), a.instStdin(),
		a.instText(client.Stdout), a.instText(client.Stderr), a.instLogs(), a.instAttach(), a.instEvent(),
		a.instStop(), a.instKill(), a.instRestart(), a.instDelete())
	return cmd
}

// findInstance asks the Hub for the id of the Instance a word means; "-" means
// it from then on, whatever comes of the command.
func (a *app) findInstance(ctx context.Context, c *client.Client, word string) (string, error) {
	word, err := a.lastInstance(c, word)
	if err != nil {
		return "", err
	}
	i, err := c.Instance(ctx, word)
	if err != nil {
		return "", missing(err, "inst")
	}
	a.remember(c, func(l *last) { l.Instance = string(i.ID) })
	return string(i.ID), nil
}

// onInstance is a command's run that works on the Instance its first argument
// names.
func (a *app) onInstance(run func(ctx context.Context, c *client.Client, id string, more []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, list []string) error {
		c, err := a.connect()
		if err != nil {
			return err
		}
		id, err := a.findInstance(cmd.Context(), c, list[0])
		if err != nil {
			return err
		}
		return run(cmd.Context(), c, id, list[1:])
	}
}

func instanceSequence(i client.Instance) string {
	return cmp.Or(i.Sequence.Name, i.Sequence.Config.Name, string(i.Sequence.ID))
}

func (a *app) instList() *cobra.Command {
	var sequence string
	var running bool
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List Instances, also those that have ended",
		Example: "  waverider inst list\n  waverider inst list --running -o name",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			all, err := c.Instances(cmd.Context())
			if err != nil {
				return err
			}
			list := make([]client.Instance, 0, len(all))
			for _, i := range all {
				of := sequence == "" || sequence == string(i.Sequence.ID) || sequence == instanceSequence(i)
				if of && !(running && i.Status.Ended()) {
					list = append(list, i)
				}
			}
			return a.showInstances(list)
		},
	}
	cmd.Flags().StringVarP(&sequence, "sequence", "s", "", "only those of this Sequence (id or name)")
	cmd.Flags().BoolVarP(&running, "running", "r", false, "only those that have not ended")
	_ = cmd.RegisterFlagCompletionFunc("sequence", a.completeSequences(1000, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) showInstances(list []client.Instance) error {
	names := make([]string, len(list))
	for i, in := range list {
		names[i] = string(in.ID)
	}
	return a.show(list, names, func() table {
		t := table{head: []string{"ID", "SEQUENCE", "STATUS", "AGE", "EXIT", "RESTARTS", "TOPICS", "RESTART", "REVISION", "INPUT", "OUTPUT", "REASON"}, wide: 7}
		for _, i := range list {
			exit, reason := "-", ""
			if i.Terminated != nil {
				exit, reason = strconv.Itoa(i.Terminated.ExitCode), i.Terminated.Reason
			}
			t.rows = append(t.rows, []string{string(i.ID), instanceSequence(i), string(i.Status), age(i.Created), exit, strconv.Itoa(i.Restarts),
				instanceTopics(i), dash(string(i.Restart)), strconv.Itoa(i.Revision), size(float64(i.Input.Offset)), size(float64(i.Output.Offset)), reason})
		}
		return t
	})
}

// instanceTopics says which Topic feeds an Instance, and which takes its output.
func instanceTopics(i client.Instance) string {
	if i.Requires == "" && i.Provides == "" {
		return "-"
	}
	return strings.TrimSpace(i.Requires + " > " + i.Provides)
}

func (a *app) instInfo() *cobra.Command {
	return &cobra.Command{
		Use:               "info INSTANCE",
		Short:             "Show one Instance",
		Example:           "  waverider inst info -\n  waverider inst info 3f2a -o yaml",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			i, err := c.Instance(ctx, id)
			if err != nil {
				return err
			}
			return a.showInstance(i)
		}),
	}
}

func (a *app) showInstance(i client.Instance) error {
	return a.show(i, []string{string(i.ID)}, func() table {
		t := fields("id", string(i.ID), "status", string(i.Status), "sequence", instanceSequence(i), "sequence id", string(i.Sequence.ID),
			"revision", strconv.Itoa(i.Revision), "args", compact(i.Args), "config", compact(i.Config), "limits", limits(i.Limits),
			"restart", string(i.Restart), "restarts", strconv.Itoa(i.Restarts),
			"input topic", i.Requires, "output topic", i.Provides, "ack", string(i.Ack), "read-ahead", readAhead(i.ReadAhead), "input type", i.Input.ContentType, "output type", i.Output.ContentType,
			"input", size(float64(i.Input.Offset)), "output", size(float64(i.Output.Offset)),
			"created", when(i.Created), "started", when(i.Started), "ended", when(i.Ended), "error", i.Error)
		if i.Terminated != nil {
			t.rows = append(t.rows, []string{"exit code", strconv.Itoa(i.Terminated.ExitCode)}, []string{"reason", i.Terminated.Reason})
		}
		return t
	})
}

func readAhead(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d records", n)
}

func compact(raw json.RawMessage) string {
	var buf bytes.Buffer
	if json.Compact(&buf, raw) != nil {
		return ""
	}
	return buf.String()
}

func limits(l waverider.Limits) string {
	var parts []string
	if l.Memory > 0 {
		parts = append(parts, fmt.Sprintf("memory %d MiB", l.Memory))
	}
	if l.CPU > 0 {
		parts = append(parts, fmt.Sprintf("cpu %g", l.CPU))
	}
	if l.PIDs > 0 {
		parts = append(parts, fmt.Sprintf("pids %d", l.PIDs))
	}
	if l.Files > 0 {
		parts = append(parts, fmt.Sprintf("files %d", l.Files))
	}
	return strings.Join(parts, ", ")
}

func (a *app) instHealth() *cobra.Command {
	return &cobra.Command{
		Use:               "health INSTANCE",
		Short:             "Show whether the program says it is well, and what it uses",
		Example:           "  waverider inst health -",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(ctx context.Context, c *client.Client, id string, _ []string) error {
			raw, err := c.InstanceHealth(ctx, id)
			if err != nil {
				return err
			}
			var h struct {
				Healthy   bool
				ProcessID int
				Status    string
				Memory    float64 `json:"memoryUsage"`
				CPU       float64 `json:"cpuTotalUsage"`
				Processes int
			}
			if err := json.Unmarshal(raw, &h); err != nil {
				return fmt.Errorf("read health: %w", err)
			}
			return a.show(raw, []string{strconv.FormatBool(h.Healthy)}, func() table {
				return fields("healthy", strconv.FormatBool(h.Healthy), "status", h.Status, "process", strconv.Itoa(h.ProcessID),
					"processes", strconv.Itoa(h.Processes), "memory", size(h.Memory), "cpu time", fmt.Sprintf("%.2f s", h.CPU/1000))
			})
		}),
	}
}

func (a *app) instUse() *cobra.Command {
	return &cobra.Command{
		Use:               "use INSTANCE",
		Short:             "Let \"-\" mean this Instance",
		Example:           "  waverider inst use 3f2a",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeInstances(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onInstance(func(_ context.Context, _ *client.Client, id string, _ []string) error {
			return a.id(id)
		}),
	}
}
