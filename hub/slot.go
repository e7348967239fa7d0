package hub

import (
	"context"
	"errors"
	"os"

	"waverider"
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
	err = errors.Join(h.journal.DeleteInstance(in.id), in.Kill(h.life, false))
	h.tasks.Go(func() {
		defer letGo()
		<-in.done
		if err := errors.Join(h.clear(in), h.clearState(in.id)); err != nil {
			h.log.Warn("remains of an Instance not removed", "instance", in.id, "err", err)
		}
	})
	return err
}

// forget removes an ended Instance with all it left on disk.
func (h *Hub) forget(ctx context.Context, in *Instance) error {
	letGo, err := h.holdSlot(ctx, in.id)
	if err != nil {
		return err
	}
	defer letGo()
	if !h.unlist(in) {
		return nil
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
	in.events.close()
	return errors.Join(in.texts.close(), os.RemoveAll(in.dir), os.RemoveAll(in.keepDir))
}

func (h *Hub) clearState(id waverider.InstanceID) error {
	return removeFile(h.cfg.DataDir.Path("state", string(id)))
}
