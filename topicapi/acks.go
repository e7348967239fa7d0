package topicapi

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"

	"waverider"
	"waverider/topic"
	"waverider/wire"
)

// ackLine is a line of the answer to a POST with acks=stream.
type ackLine struct {
	Cursor  string         `json:"cursor,omitempty"`
	Records uint64         `json:"records"` // of this body that are durable
	Done    bool           `json:"done,omitempty"`
	Error   string         `json:"error,omitempty"`
	Kind    waverider.Kind `json:"kind,omitempty"`
}

// streamAcks answers while the body still comes: each line tells how many of
// its records are durable, the last one how it ended.
func (d *deposit) streamAcks(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	out, err := wire.StreamOut(w, r, waverider.TypeNDJSON)
	if err != nil {
		return err
	}
	a := &acker{out: out, more: make(chan struct{}, 1)}
	d.added = func(n uint64) { a.add(n, d.out.Added()) }
	reporting, stop := context.WithCancel(ctx)
	defer stop()
	var tasks sync.WaitGroup
	tasks.Go(func() { a.run(reporting, d.out) })
	at, err := d.store(ctx, r.Body)
	stop()
	tasks.Wait()
	if err != nil {
		d.api.log().Debug("body not stored to its end", "topic", d.t.Name(), "err", err)
		return a.write(ackLine{Records: max(d.safe, a.told), Error: shownText(err), Kind: waverider.KindOf(err)})
	}
	return a.write(ackLine{Cursor: at.String(), Records: d.count, Done: true})
}

// acker tells a client what of its body is durable, as fast as it listens.
type acker struct {
	out  *wire.Stream
	more chan struct{} // one token: records were added

	mu    sync.Mutex
	count uint64 // records added
	mark  uint64 // the writer's, after them

	told uint64 // records told of as durable
}

func (a *acker) add(count, mark uint64) {
	a.mu.Lock()
	a.count, a.mark = count, mark
	a.mu.Unlock()
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// run tells until ctx ends, or nobody can be told.
func (a *acker) run(ctx context.Context, w *topic.Writer) {
	for {
		select {
		case <-a.more:
		case <-ctx.Done():
			return
		}
		a.mu.Lock()
		count, mark := a.count, a.mark
		a.mu.Unlock()
		at, err := w.Await(ctx, mark)
		if err != nil || a.write(ackLine{Cursor: at.String(), Records: count}) != nil {
			return
		}
		a.told = count
	}
}

func (a *acker) write(l ackLine) error {
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if _, err := a.out.Write(append(line, '\n')); err != nil {
		return err
	}
	return a.out.Flush()
}

// shownText is what of an error a client may see.
func shownText(err error) string {
	if waverider.KindOf(err) == waverider.Internal {
		return "internal error: the Hub's log has the cause"
	}
	return waverider.MessageOf(err)
}
