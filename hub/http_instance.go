package hub

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/hub/journal"
	"waverider/wire"
)

func (h *Hub) instanceRoutes(m *wire.Mux) {
	h.api(m, "GET", "/instances", auth.Read, wire.JSON(h.listInstances))
	h.api(m, "GET", "/instance/{id}", auth.Read, h.onInstance(h.getInstance))
	h.api(m, "GET", "/instance/{id}/health", auth.Read, h.onInstance(h.getHealth))
	h.api(m, "POST", "/instance/{id}/_stop", auth.Run, h.onInstance(h.postStop))
	h.api(m, "POST", "/instance/{id}/_kill", auth.Run, h.onInstance(h.postKill))
	h.api(m, "DELETE", "/instance/{id}", auth.Run, h.onInstance(h.deleteInstance))
}

type instanceHandler func(in *Instance, w http.ResponseWriter, r *http.Request) error

// onInstance finds the Instance that a path names.
func (h *Hub) onInstance(handle instanceHandler) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		in, err := h.Instance(r.PathValue("id"))
		if err != nil {
			return err
		}
		return handle(in, w, r)
	}
}

func (h *Hub) listInstances(*http.Request) ([]instanceView, error) {
	list := []instanceView{}
	for _, in := range h.Instances() {
		list = append(list, in.view())
	}
	return list, nil
}

func (h *Hub) getInstance(in *Instance, w http.ResponseWriter, r *http.Request) error {
	if err := wire.WantsJSON(r); err != nil {
		return err
	}
	in.awaitPositions(r.Context())
	return wire.WriteJSON(w, http.StatusOK, in.view())
}

// positionPatience is how long GET /instance waits for a runner to say how
// far it is.
const positionPatience = time.Second

// awaitPositions waits, under a Hub that came back, until the runner has told
// which input it has: who goes on from offset 0 sends everything again.
func (in *Instance) awaitPositions(ctx context.Context) {
	if rec := in.record(); len(rec.Handle) == 0 || rec.Times.Started.IsZero() {
		return // nothing runs, or it has no input yet
	}
	ctx, cancel := context.WithTimeout(ctx, positionPatience)
	defer cancel()
	if proc, err := in.process(ctx); err == nil {
		_ = in.greeted(ctx, proc) // without its word the view says what is known
	}
}

// healthPatience is how long GET /health waits for the first word of a program.
const healthPatience = 2 * time.Second

func (h *Hub) getHealth(in *Instance, w http.ResponseWriter, r *http.Request) error {
	if err := wire.WantsJSON(r); err != nil {
		return err
	}
	health, err := in.Health(r.Context())
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, health)
}

// Health is the program's own word on it, waiting shortly for the first, with
// what its processes use now.
func (in *Instance) Health(ctx context.Context) (Health, error) {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	proc, err := in.process(ctx)
	if waverider.KindOf(err) == waverider.Gone {
		return Health{}, err
	} else if err != nil {
		return Health{Status: string(in.record().Status)}, nil // still coming up
	}
	var v Health
	rec, _ := in.until(ctx, func(rec journal.Instance) bool {
		if in.health != nil {
			v = *in.health
		}
		return in.health != nil || rec.Status.Ended()
	})
	v.Status = string(rec.Status)
	if u, err := proc.Usage(); err == nil {
		v.ProcessID, v.Memory, v.CPU, v.Processes = u.PID, u.Memory, u.CPU.Milliseconds(), u.Processes
	}
	return v, nil
}

func (h *Hub) postStop(in *Instance, w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Timeout json.RawMessage `json:"timeout"`
		CanKeep json.RawMessage `json:"canCallKeepalive"`
	}
	if err := readOptions(r, &body); err != nil {
		return err
	}
	timeout, keep := float64(stopTimeout.Milliseconds()), false
	if len(body.Timeout) > 0 && (json.Unmarshal(body.Timeout, &timeout) != nil || timeout < 0 || timeout > math.MaxInt32*1000) {
		return waverider.Errorf(waverider.Invalid, "Invalid timeout format")
	}
	if len(body.CanKeep) > 0 && json.Unmarshal(body.CanKeep, &keep) != nil {
		return waverider.Errorf(waverider.Invalid, "Invalid canCallKeepalive format")
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	if err := in.Stop(ctx, time.Duration(timeout)*time.Millisecond, keep); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusAccepted, in.view())
}

func (h *Hub) postKill(in *Instance, w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Remove json.RawMessage `json:"removeImmediately"`
	}
	if err := readOptions(r, &body); err != nil {
		return err
	}
	remove := false
	if len(body.Remove) > 0 && json.Unmarshal(body.Remove, &remove) != nil {
		return waverider.Errorf(waverider.Invalid, "Invalid removeImmediately format")
	}
	if in.ended() && !remove {
		return waverider.Errorf(waverider.Invalid, "Instance not running")
	}
	err := in.Kill(r.Context(), false)
	view := in.view()
	if err == nil && remove {
		err = h.Remove(r.Context(), in)
	}
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusAccepted, view)
}

// deleteInstance forgets an Instance that has ended, with its logs.
func (h *Hub) deleteInstance(in *Instance, w http.ResponseWriter, r *http.Request) error {
	if !in.ended() {
		return waverider.Errorf(waverider.Conflict, "Instance %s is %s; stop or kill it first", in.id, in.record().Status)
	}
	if err := h.Remove(r.Context(), in); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, struct {
		ID waverider.InstanceID `json:"id"`
	}{in.id})
}

// readControl reads a Scramjet control message, [code, {…}], or the object alone.
func readControl(r *http.Request, code int, v any) error {
	var raw json.RawMessage
	if err := wire.ReadJSON(r, &raw); err != nil {
		return err
	}
	if len(raw) > 0 && raw[0] == '[' {
		var pair []json.RawMessage
		var got int
		if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &got) != nil || got != code {
			return waverider.Errorf(waverider.Invalid, "Bad message: want [%d, {…}]", code)
		}
		raw = pair[1]
	}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, v) != nil {
		return waverider.Errorf(waverider.Invalid, "Bad message of type %d: want [%d, {…}]", code, code)
	}
	return nil
}
