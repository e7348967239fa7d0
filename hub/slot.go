package hub

import (
	"context"
	"errors"
	"os"
	"time"

	"waverider"
	"waverider/hub/journal"
	"waverider/hub/pump"
)

// holdSlot waits until nobody makes or clears the slot, and then holds it for
// the caller, who lets go of it.
func (h *Hub) holdSlot(ctx context.Context, id waverider.InstanceID) (letGo func(), err error) {
	for {
		h.mu.Lock()
		held := h.slots[id]
		if held == nil {
			mine := make(chan struct{})
			h.slots[id] = mine
			h.mu.Unlock()
			return func() {
				h.mu.Lock()
				delete(h.slots, id)
				h.mu.Unlock()
				close(mine)
			}, nil
		}
		h.mu.Unlock()
		select {
		case <-held:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Remove forgets an Instance: an ended one at once, a live one after killing
// it. Its slot can be used again when all it left is gone; a start waits for that.
func (h *Hub) Remove(ctx context.Context, in *Instance) error {
	letGo, err := h.holdSlot(ctx, in.id)
	if err != nil {
		return err
	}
	if !h.unlist(in) {
		letGo()
		return nil // someone else was faster
	}
	err = errors.Join(h.journal.DeleteInstance(in.id), h.journal.DeleteSlot(in.id), in.Kill(h.life, false))
	h.tasks.Go(func() {
		defer letGo()
		<-in.done
		if err := errors.Join(h.clear(in), h.clearState(in.id), h.forgetPlaces(h.life, slotOf(in.record()))); err != nil {
			h.log.Warn("remains of an Instance not removed", "instance", in.id, "err", err)
		}
	})
	return err
}

// forget removes an ended Instance with all it left on disk. Its places in Topics
// stay for a while: a start in the same slot goes on there.
func (h *Hub) forget(ctx context.Context, in *Instance) error {
	letGo, err := h.holdSlot(ctx, in.id)
	if err != nil {
		return err
	}
	defer letGo()
	if !h.unlist(in) {
		return nil
	}
	if left := slotOf(in.record()); len(left.Topics) > 0 {
		if err := h.journal.PutSlot(&left); err != nil {
			return err
		}
	}
	return errors.Join(h.journal.DeleteInstance(in.id), h.clear(in), h.clearState(in.id))
}

// unlist takes an Instance off the list, and tells whether it was on it. After
// that nothing of it is written to the journal any more.
func (h *Hub) unlist(in *Instance) bool {
	h.mu.Lock()
	listed := h.instances[in.id] == in
	if listed {
		delete(h.instances, in.id)
	}
	h.mu.Unlock()
	if listed {
		in.mu.Lock()
		in.removed = true
		in.mu.Unlock()
		in.saving <- struct{}{} // a save under way has not seen it
		<-in.saving
	}
	return listed
}

// clear removes what a run leaves in its slot but for the saved state. The
// caller holds the slot.
func (h *Hub) clear(in *Instance) error {
	return errors.Join(h.clearTexts(in), os.RemoveAll(in.dir))
}

// clearTexts removes what a run has said. The caller holds the slot.
func (h *Hub) clearTexts(in *Instance) error {
	in.quiet()
	return errors.Join(in.texts.close(), os.RemoveAll(in.keepDir))
}

func (h *Hub) clearState(id waverider.InstanceID) error {
	return removeFile(h.cfg.DataDir.Path("state", string(id)))
}

// slotOf is what an Instance leaves to the next one in its slot.
func slotOf(rec journal.Instance) journal.Slot {
	return journal.Slot{ID: rec.ID, Sequence: rec.Sequence, Digest: rec.Digest, Run: rec.Run, Since: rec.Since,
		Declared: rec.Declared, Topics: rec.Topics, Left: rec.Times.Ended}
}

// inherit takes over what the Instance before left. What the code declares is
// known only when it is loaded, but before it is, it must be told what was saved
// with its place. What is in the output Topic already, it is told only if it is the
// same code: another may write elsewhere.
func inherit(rec *journal.Instance, left journal.Slot) {
	rec.Run, rec.Since, rec.Topics = left.Run, left.Since, left.Topics
	rec.Declared.Requires, rec.Declared.RequiresType = left.Declared.Requires, left.Declared.RequiresType
	if left.Digest == rec.Digest {
		rec.Declared.Provides, rec.Declared.ProvidesType = left.Declared.Provides, left.Declared.ProvidesType
	}
}

// forgetPlaces removes a slot's readers from its Topics: they hold nothing there
// any more.
func (h *Hub) forgetPlaces(ctx context.Context, left journal.Slot) error {
	var errs []error
	for _, name := range left.Topics {
		t, err := h.cfg.Topics.Topic(name)
		if err == nil {
			err = t.Forget(ctx, pump.Slot(left.ID))
		}
		if waverider.KindOf(err) != waverider.NotFound && waverider.KindOf(err) != waverider.Gone {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// trimSlots forgets slots whose places in Topics have expired: the Topics know
// for how long nobody could have come back, the clock alone does not.
func (h *Hub) trimSlots() error {
	all, err := h.journal.Slots()
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range all {
		if time.Since(s.Left) > pump.SlotExpiry && !h.hasPlaces(h.life, *s) {
			errs = append(errs, h.journal.DeleteSlot(s.ID))
		}
	}
	return errors.Join(errs...)
}

// hasPlaces tells whether a Topic still remembers the slot, or may do so.
func (h *Hub) hasPlaces(ctx context.Context, left journal.Slot) bool {
	for _, name := range left.Topics {
		t, err := h.cfg.Topics.Topic(name)
		if err != nil {
			continue
		}
		_, known, err := t.Known(ctx, pump.Slot(left.ID))
		if known || err != nil && waverider.KindOf(err) != waverider.Gone {
			return true
		}
	}
	return false
}

// runsMost is the latest time that names a run, in seconds since 1970: one of a
// later time would leave no room above it.
const runsMost = 3 << 30

// newRun names a run: a higher number than any run of any slot has had, as far
// as the journal knows, and as the clock tells for those it does not know.
func (h *Hub) newRun() uint32 {
	var clock uint32
	if s := time.Now().Unix(); s > 0 && s < runsMost {
		clock = uint32(s)
	}
	for {
		last := h.runs.Load()
		next := max(last+1, clock)
		if h.runs.CompareAndSwap(last, next) {
			return next
		}
	}
}
