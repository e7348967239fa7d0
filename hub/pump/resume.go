package pump

import (
	"context"

	"waverider"
	"waverider/runner"
	"waverider/topic"
)

// Run is one run of a slot's program. Epoch is another for each run the slot
// ever had, and higher; Since is that of the first run of its Sequence there:
// what was before has nothing to do with it.
type Run struct {
	Slot         waverider.InstanceID
	Epoch, Since uint32
}

// Resume gets ready for a new run, which reads Topic from and, if
// that is not nil, writes to Topic to. The place of its input is on disk as
// that of this run when Resume returns: a Hub that comes back meanwhile must not
// take it for that of the run before. It says what the runner has to know: the
// state that was saved with the place, where only save moves it, and what of its
// output is stored already.
func Resume(ctx context.Context, run Run, from, to *topic.Topic, saves bool) (state []byte, skip *runner.Skip, err error) {
	r, _, err := openSlot(ctx, from, run)
	if err != nil {
		return nil, nil, err
	}
	r.Close()
	place, _, err := from.Known(ctx, Slot(run.Slot))
	if err != nil {
		return nil, nil, err
	}
	if saves {
		state = place.State
	}
	if to != nil {
		skip, err = stored(ctx, run, from, to, place.Number)
	}
	return state, skip, err
}

// openSlot opens a slot's reader for a run. known tells that its place is that
// of this run already.
func openSlot(ctx context.Context, t *topic.Topic, run Run) (r *topic.Reader, known bool, err error) {
	r, err = t.Durable(ctx, Slot(run.Slot), topic.From{}, SlotExpiry)
	if err != nil {
		return nil, false, err
	}
	place := r.Place()
	if place.Epoch == int(run.Epoch) {
		return r, true, nil
	}
	r.AckPlace(topic.Place{Number: place.Number, Epoch: int(run.Epoch)}) // the run begins here
	if err := r.Sync(); err != nil {
		r.Close()
		return nil, false, err
	}
	return r, false, nil
}

// stored tells how much of the output of a run that begins at a record is in
// Topic to already.
func stored(ctx context.Context, run Run, from, to *topic.Topic, begin uint64) (*runner.Skip, error) {
	w, err := to.Writer(ctx, Producer(run.Slot))
	if err != nil {
		return nil, err
	}
	last := w.Last()
	w.Close()
	c := last.Cause
	if c == nil || last.Epoch < run.Since || c.Done < begin || !from.Knows(c.Incarnation) {
		return nil, nil
	}
	// The run is given what is there. Records that are gone it will not count,
	// nor what they brought about.
	done, err := from.Stored(ctx, begin, c.Done)
	if err != nil {
		return nil, err
	}
	skip := &runner.Skip{Done: done, N: c.N}
	if c.Done < from.Next() {
		there, err := from.Stored(ctx, c.Done, c.Done+1)
		if err != nil {
			return nil, err
		} else if there == 0 {
			skip.N = 0
		}
	}
	return skip, nil
}
