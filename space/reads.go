package space

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"waverider/records"
)

// readsPart is how many bytes of names are kept in one record: what a Hub reads
// may be more than a record takes.
const readsPart = 32 << 10

// reads is what Hubs read, in parts with the key HUB.N. After a crash it may be a
// mixture of two lists; a Hub says it anew in each session.
type reads struct{ parts *records.Collection[[]string] }

func readsKey(hub string, part int) string { return hub + "." + strconv.Itoa(part) }

// load is all that is kept, of all Hubs.
func (r reads) load(ctx context.Context) (map[string][]string, error) {
	list, err := r.parts.List(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, item := range list {
		hub, _, _ := strings.Cut(item.Key, ".") // an id has no dot
		all[hub] = append(all[hub], item.Value...)
	}
	for hub, names := range all {
		slices.Sort(names)
		all[hub] = slices.Compact(names)
	}
	return all, nil
}

// save replaces the list of a Hub. Parts that are the same are not written.
func (r reads) save(ctx context.Context, hub string, names []string) error {
	part := 0
	for len(names) > 0 {
		n, size := 0, 0
		for n < len(names) && size < readsPart {
			size += len(names[n]) + 3
			n++
		}
		if old, _, err := r.parts.Get(ctx, readsKey(hub, part)); err != nil || !slices.Equal(old, names[:n]) {
			if _, err := r.parts.Put(ctx, readsKey(hub, part), names[:n]); err != nil {
				return err
			}
		}
		names = names[n:]
		part++
	}
	for ; ; part++ {
		if err := r.parts.Delete(ctx, readsKey(hub, part)); isNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
