package hub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/google/uuid"

	"waverider"
	"waverider/hub/journal"
)

// Start runs a Sequence and returns once its program is loaded, or has failed
// to (an error then), or StartTimeout has passed.
func (h *Hub) Start(ctx context.Context, ref string, req waverider.StartRequest) (*Instance, error) {
	seq, rev, err := h.Lookup(ref)
	if err != nil {
		return nil, err
	}
	if err := checkStart(&req); err != nil {
		return nil, err
	}
	if err := h.Room(); err != nil {
		return nil, err
	}
	in, err := h.register(ctx, seq, rev, req)
	if err != nil {
		return nil, err
	}
	h.background(func(ctx context.Context) { in.supervise(ctx, func() {}) })
	return in, h.awaitStart(ctx, in)
}

func checkStart(req *waverider.StartRequest) error {
	if err := req.Validate(); err != nil {
		return err
	}
	if req.InstanceID == "" {
		req.InstanceID = waverider.InstanceID(uuid.NewString())
	}
	return checkJSON(req)
}

// checkJSON wants args to be an array and appConfig an object. null is absent.
func checkJSON(req *waverider.StartRequest) error {
	for _, f := range []struct {
		name, want string
		first      byte
		value      *json.RawMessage
	}{{"args", "an array", '[', &req.Args}, {"appConfig", "an object", '{', &req.AppConfig}} {
		if string(*f.value) == "null" {
			*f.value = nil
		}
		if len(*f.value) > 0 && (*f.value)[0] != f.first {
			return waverider.Errorf(waverider.Invalid, "%s: want %s", f.name, f.want)
		}
	}
	return nil
}

// register makes the Instance. An id whose Instance has ended may be used again:
// it is the same slot, and what a program of the same Sequence saved is there,
// its files and its places in Topics are.
func (h *Hub) register(ctx context.Context, seq *waverider.Sequence, rev *waverider.Revision, req waverider.StartRequest) (*Instance, error) {
	policy := req.Restart
	setDefault(&policy, rev.Manifest.Waverider.Restart)
	setDefault(&policy, h.cfg.Restart)
	rec := journal.Instance{
		ID: req.InstanceID, Sequence: seq.ID, Digest: rev.Digest, Revision: rev.Number, Name: seq.Name,
		Package: h.configObject(seq, rev), Request: req, Policy: policy,
		Status: waverider.StatusInitializing, Times: waverider.Times{Created: time.Now()},
	}
	letGo, err := h.holdSlot(ctx, rec.ID)
	if err != nil {
		return nil, err
	}
	defer letGo()
	left, err := h.vacate(ctx, rec.ID, seq.ID)
	if err != nil {
		return nil, err
	}
	inherit(&rec, left)
	in := h.newInstance(rec)
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.closing:
		return nil, waverider.Errorf(waverider.Unavailable, "the Hub is stopping")
	case h.sequences[seq.ID] == nil || h.leaving[seq.ID]:
		return nil, unknownSequence(string(seq.ID))
	}
	h.instances[rec.ID] = in
	h.metrics.started.Inc()
	return in, nil
}

// vacate makes room in a held slot for a start of a Sequence, and answers what
// earlier Instances leave to it. The journal goes on knowing the slot by its old
// record until the new one takes its place, so that a Hub that dies in between
// keeps the saved state.
func (h *Hub) vacate(ctx context.Context, id waverider.InstanceID, next waverider.SequenceID) (journal.Slot, error) {
	h.mu.Lock()
	old := h.instances[id]
	h.mu.Unlock()
	var left journal.Slot
	if old == nil {
		slot, err := h.journal.Slot(id)
		if err != nil {
			return left, err
		}
		left = slot
	} else {
		if !old.ended() {
			return left, waverider.Errorf(waverider.Conflict, "Instance with a given ID already exists")
		}
		select {
		case <-old.done: // it may still be keeping what it left
		case <-ctx.Done():
			return left, ctx.Err()
		}
		h.unlist(old)
		if err := h.clearTexts(old); err != nil {
			return left, err
		}
		left = slotOf(old.record())
	}
	if left.Sequence == next {
		return left, nil
	}
	err := errors.Join(h.forgetPlaces(ctx, left), h.clearState(id), os.RemoveAll(h.cfg.DataDir.Path("slots", string(id))))
	return journal.Slot{Run: left.Run}, err
}

// awaitStart waits for the first run to be loaded or to have failed.
func (h *Hub) awaitStart(ctx context.Context, in *Instance) error {
	wait, cancel := context.WithTimeout(ctx, h.cfg.StartTimeout)
	defer cancel()
	rec, err := in.until(wait, func(rec journal.Instance) bool {
		return !rec.Times.Started.IsZero() && in.joined && in.refusal == "" || rec.Status.Ended() || rec.Restarts > 0
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
		return nil // it is still loading; its status says so
	case err != nil:
		return err
	case rec.Status != waverider.StatusErrored || !rec.Times.Started.IsZero() && !in.refused():
		return nil
	}
	return startError(rec)
}

// startError is why a start failed, in the shape Scramjet's clients read.
func startError(rec journal.Instance) error {
	msg := rec.End.Reason
	if rec.Error != "" && rec.End.ExitCode != waverider.ExitEntrypoint {
		msg += ": " + rec.Error
	}
	kind := waverider.Invalid
	if rec.End.ExitCode == waverider.ExitRunner {
		kind = waverider.Internal
	}
	return &waverider.Error{Kind: kind, Message: msg,
		Detail: map[string]any{"id": rec.ID, "exitcode": rec.End.ExitCode},
		Err:    fmt.Errorf("instance %s did not start", rec.ID)}
}

// Instance finds one by its id, or by a unique prefix of 4 or more characters.
func (h *Hub) Instance(ref string) (*Instance, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if in := h.instances[waverider.InstanceID(ref)]; in != nil {
		return in, nil
	}
	found, err := byPrefix(ref, h.instances, func(waverider.InstanceID) bool { return true })
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, waverider.Errorf(waverider.NotFound, "Instance %s not found", ref)
	}
	return *found, nil
}
