package topic

import (
	"context"
	"maps"
	"slices"

	"waverider/topic/ledger"
)

// maxPast is how many epochs of a far producer are remembered.
const maxPast = 16

// Past is how far a far producer came in other epochs than that of Last, the one
// that it left last at the end, as far as they are remembered. By them a Store
// that was put back from a copy finds where the other one went another way.
func (w *Writer) Past() []State {
	t := w.t
	t.mu.Lock()
	defer t.mu.Unlock()
	var past []State
	for _, p := range t.meta.Producers[w.p.id].Past {
		if p.Epoch != w.p.last.Epoch {
			past = append(past, State{Epoch: p.Epoch, End: p.End})
		}
	}
	return past
}

// EndEpoch remembers where the producer is, which goes on in another epoch. What
// it has added is durable when this returns.
func (w *Writer) EndEpoch(ctx context.Context) error {
	if _, err := w.Flush(ctx); err != nil {
		return err
	}
	last := w.Last()
	if last.Epoch == 0 {
		return nil
	}
	return w.t.put(func(meta *ledger.Topic) error {
		p := meta.Producers[w.p.id]
		p.Past = slices.DeleteFunc(slices.Clone(p.Past), func(q ledger.Place) bool { return q.Epoch == last.Epoch })
		p.Past = append(p.Past, ledger.Place{Epoch: last.Epoch, End: last.End})
		p.Past = p.Past[max(0, len(p.Past)-maxPast):]
		meta.Producers = with(meta.Producers, w.p.id, p)
		return nil
	})
}

// with is a copy with another value for a key.
func with[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}
