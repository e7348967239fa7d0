package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"waverider/client"
)

func (a *app) spaceHubs() *cobra.Command {
	var labels []string
	var state string
	cmd := &cobra.Command{
		Use:   "hubs",
		Short: "List the Hubs of the Space: which are here, how far away, how busy",
		Long: `List the Hubs of the Space. STATE is connected, away or revoked; SEEN is how long ago the
Hub was heard of, RTT the time to it and back, LOAD that of its machine in the last
minute, RUNNING its Instances that have not ended, LAG the records it has for the Space
that are not there yet. -o wide has more: records the Hub does not have yet (BEHIND),
those that were gone too early (MISSED), and why it is away.`,
		Example: `  waverider space hubs
  waverider space hubs --state away -o wide
  waverider space hubs --label site=north -o name`,
		Args: args(cobra.NoArgs),
		RunE: a.onSpace(func(ctx context.Context, c *client.Client, _ []string) error {
			want, err := labelFlags(labels, false)
			if err != nil {
				return err
			}
			all, err := c.Hubs(ctx)
			if err != nil {
				return err
			}
			list := make([]client.Hub, 0, len(all))
			for _, h := range all {
				if (state == "" || h.State == state) && has(h.Labels, want) {
					list = append(list, h)
				}
			}
			return a.showHubs(list)
		}),
	}
	cmd.Flags().StringArrayVarP(&labels, "label", "l", nil, "only those with this label, k=v (may be repeated)")
	cmd.Flags().StringVar(&state, "state", "", "only those of this state: connected|away|revoked")
	_ = cmd.RegisterFlagCompletionFunc("state", cobra.FixedCompletions([]string{client.HubConnected, client.HubAway, client.HubRevoked}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// has tells whether all labels of want are there.
func has(labels map[string]string, want map[string]*string) bool {
	for k, v := range want {
		if got, ok := labels[k]; !ok || got != *v {
			return false
		}
	}
	return true
}

func (a *app) showHubs(list []client.Hub) error {
	names := make([]string, len(list))
	for i, h := range list {
		names[i] = h.Name
	}
	err := a.show(list, names, func() table {
		t := table{head: []string{"NAME", "STATE", "SEEN", "RTT", "LOAD", "RUNNING", "LAG", "ADDRESS", "LABELS", "ID", "DOMAIN", "BUILD", "MEMORY FREE", "SEQUENCES", "BEHIND", "MISSED", "JOINED", "WHY AWAY"}, wide: 9}
		for _, h := range list {
			load, free := "-", "-"
			if h.Load != nil {
				load, free = fmt.Sprintf("%.2f", h.Load.Current), size(h.Load.MemFree)
			}
			text := labelText(h.Labels)
			if a.output != "wide" {
				text = short(text, 48)
			}
			t.rows = append(t.rows, []string{h.Name, h.State, age(h.LastSeen), rtt(h.RTT), load, strconv.Itoa(h.Running()), strconv.FormatUint(h.Lag, 10), dash(h.Address), dash(text),
				h.ID, dash(h.Domain), dash(h.Build), free, strconv.Itoa(len(h.Sequences)), strconv.FormatUint(h.Behind, 10), strconv.FormatUint(h.Missed, 10), age(h.Times.Joined), dash(short(h.DisconnectReason, 120))})
		}
		return t
	})
	if err != nil || a.output != "table" && a.output != "wide" {
		return err
	}
	return a.tellClones(list)
}

// What is told of Hubs that were copied: of so many, while it is news.
const (
	mostClones = 10
	cloneNews  = 24 * time.Hour
)

// tellClones says which Hubs share their identity with another: nothing else shows
// it to who only looks.
func (a *app) tellClones(list []client.Hub) error {
	told := 0
	for _, h := range list {
		if h.Clone == nil || time.Since(h.Clone.At) > cloneNews {
			continue
		}
		if told++; told > mostClones {
			break
		}
		fmt.Fprintf(a.err, "waverider: %s: another Hub with its identity was refused at %s, from %s: waverider space hub info %s\n",
			plainLine(h.Name), when(h.Clone.At), plainLine(h.Clone.Remote), plainLine(h.Name))
	}
	return nil
}

func rtt(ms float64) string {
	switch {
	case ms <= 0:
		return "-"
	case ms < 10:
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// labelText is labels as one writes them.
func labelText(labels map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		parts = append(parts, k+"="+labels[k])
	}
	return strings.Join(parts, ",")
}

// short is a text cut to so many letters.
func short(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

// labelFlags reads words of the form K=V; where labels may be taken away, also K-.
func labelFlags(words []string, away bool) (map[string]*string, error) {
	labels := map[string]*string{}
	for _, word := range words {
		k, v, found := strings.Cut(word, "=")
		switch {
		case found && k != "":
			labels[k] = &v
		case away && !found && len(word) > 1 && strings.HasSuffix(word, "-"):
			labels[strings.TrimSuffix(word, "-")] = nil
		case away:
			return nil, usage("%q: want KEY=VALUE to set a label, or KEY- to take it away", word)
		default:
			return nil, usage("%q: want KEY=VALUE", word)
		}
	}
	return labels, nil
}

// hubFields is a Hub as its Space knows it, for people.
func hubFields(h client.Hub) table {
	t := fields("name", h.Name, "hub", h.ID, "state", h.State, "address", h.Address, "seen", when(h.LastSeen), "rtt", rtt(h.RTT),
		"labels", labelText(h.Labels), "domain", h.Domain, "build", h.Build,
		"joined", when(h.Times.Joined), "connected", when(h.Times.Connected), "disconnected", when(h.Times.Disconnected), "why away", h.DisconnectReason,
		"running", strconv.Itoa(h.Running()), "sequences", strconv.Itoa(len(h.Sequences)), "topics", bounded(h.Topics), "reads", bounded(h.Reads),
		"lag", records(h.Lag), "behind", records(h.Behind), "missed", records(h.Missed))
	if h.Load != nil {
		t.rows = append(t.rows, []string{"load, 1 minute", fmt.Sprintf("%.2f", h.Load.Current)}, []string{"memory free", size(h.Load.MemFree)})
	}
	if c := h.Clone; c != nil {
		t.rows = append(t.rows, []string{"refused", fmt.Sprintf("another Hub with this identity, at %s, from %s (%s)", c.At.Local().Format(time.DateTime), c.Remote, dash(c.Name))},
			[]string{"", "its data dir was copied, or is an old copy: docs/space.md says what to do"})
	}
	return t
}

// records is a number of them; none is nothing to show.
func records(n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d records", n)
}

// mostNames bounds a list of names in a cell.
const mostNames = 20

func bounded(list []string) string {
	if len(list) > mostNames {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:mostNames], ", "), len(list)-mostNames)
	}
	return strings.Join(list, ", ")
}
