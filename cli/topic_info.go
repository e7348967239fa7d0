package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"waverider"
	"waverider/client"
)

func (a *app) topicInfo() *cobra.Command {
	return &cobra.Command{
		Use:   "info NAME",
		Short: "Show how full a Topic is, and who reads it",
		Long: `Show a Topic: what it keeps of what it may keep, what comes in, and its readers.

Readers are of four kinds: live ones, which nobody remembers; "plain" is the place that
all "topic get" without --group and --from share; groups; and slots, the Instances that
read. LAG is how many records a reader has still to read, or to ack. HOLDS says that
records are kept for it: groups and slots hold what they have not acked. A group that
nobody will read again is dropped with "topic forget".`,
		Example:           "  waverider topic info prices\n  waverider topic info - -o json | jq .readers",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeTopics(1, cobra.ShellCompDirectiveNoFileComp),
		RunE: a.onTopic(func(ctx context.Context, c *client.Client, name string, _ []string) error {
			t, err := c.Topic(ctx, name)
			if err != nil {
				return err
			}
			a.rememberTopic(c, name)
			return a.showTopic(t)
		}),
	}
}

func (a *app) showTopic(t client.TopicInfo) error {
	if err := a.show(t, []string{string(t.Name)}, func() table { return topicTable(t) }); err != nil {
		return err
	}
	if a.output != "table" && a.output != "wide" || len(t.Readers) == 0 {
		return nil
	}
	if _, err := io.WriteString(a.out, "\n"); err != nil {
		return err
	}
	return a.showTable(readersTable(t.Readers))
}

func topicTable(t client.TopicInfo) table {
	tab := fields("name", string(t.Name), "type", t.ContentType, "durability", string(cmp.Or(t.Durability, waverider.DurabilitySync)),
		"scope", string(cmp.Or(t.Scope, waverider.ScopeHub)),
		"description", t.Description, "owner", t.Owner,
		"records", fmt.Sprintf("%d kept, %d ever", t.Records, t.Total),
		"size", fill(t.Bytes, t.Limit), "max age", days(t.MaxAge), "max record", size(float64(cmp.Or(t.MaxRecord, waverider.DefaultMaxRecord))),
		"when full", whenFull(t.Discard), "rate", fmt.Sprintf("%.1f records/s, %s/s", t.Rate.Records, size(t.Rate.Bytes)),
		"producers", strconv.Itoa(t.Producers), "first", t.First, "next", t.Next, "stream", t.Stream,
		"full", fullness(t), "held by", holder(t.Readers))
	tab.rows = append(tab.rows, requestRows(t.Requests)...)
	for _, d := range t.Damage {
		tab.rows = append(tab.rows, []string{"damage", damage(d)})
	}
	return tab
}

// requestRows is what the Space is asked for, and what it has refused.
func requestRows(list []waverider.TopicRequest) (rows [][]string) {
	for _, r := range list {
		state, text := "waits for the Space", wish(r)+" by "+r.By
		if r.State == waverider.RequestRefused {
			state = "refused by the Space"
		}
		if r.Reason != "" {
			text += ": " + r.Reason
		}
		rows = append(rows, []string{state, text})
	}
	return rows
}

// wish is what a request is to change.
func wish(r waverider.TopicRequest) string {
	var parts []string
	if r.Description != nil {
		parts = append(parts, "description "+strconv.Quote(*r.Description))
	}
	if r.Owner != nil {
		parts = append(parts, "owner "+strconv.Quote(*r.Owner))
	}
	return strings.Join(parts, ", ")
}

// fill is a size beside its limit.
func fill(n, limit uint64) string {
	if limit == 0 {
		return size(float64(n))
	}
	return fmt.Sprintf("%s of %s (%.0f %%)", size(float64(n)), size(float64(limit)), 100*float64(n)/float64(limit))
}

func fullness(t client.TopicInfo) string {
	if !t.Full {
		return ""
	}
	return "producers wait: readers need all that is kept"
}

// holder names the reader that keeps the oldest records from being dropped.
func holder(readers []client.TopicReader) string {
	var most *client.TopicReader
	for i := range readers {
		if r := &readers[i]; r.Holds && (most == nil || r.Lag > most.Lag) {
			most = r
		}
	}
	if most == nil {
		return ""
	}
	return fmt.Sprintf("%s %s, %d records behind", most.Kind, most.Name, most.Lag)
}

func damage(d client.TopicDamage) string {
	var parts []string
	if !d.At.IsZero() {
		parts = append(parts, when(d.At)+":")
	}
	if d.To > d.From {
		parts = append(parts, fmt.Sprintf("%d records from number %d on:", d.To-d.From, d.From))
	}
	return strings.Join(append(parts, d.Cause), " ")
}

// readersTable has the one that lags most first.
func readersTable(readers []client.TopicReader) table {
	t := table{head: []string{"READER", "KIND", "CONNECTED", "LAG", "HOLDS", "LAST SEEN", "EXPIRES", "CURSOR"}, wide: 7}
	sorted := slices.SortedStableFunc(slices.Values(readers), func(x, y client.TopicReader) int { return cmp.Compare(y.Lag, x.Lag) })
	for _, r := range sorted {
		holds := "-"
		if r.Holds {
			holds = "yes"
		}
		t.rows = append(t.rows, []string{dash(r.Name), r.Kind, strconv.Itoa(r.Connected), strconv.FormatUint(r.Lag, 10), holds,
			age(r.Updated), dash(days(r.Expires)), r.Cursor})
	}
	return t
}
