package hub

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

func (h *Hub) eventRoutes(m *wire.Mux) {
	h.api(m, "POST", "/instance/{id}/_event", auth.Run, h.onInstance(h.postEvent))
	h.api(m, "GET", "/instance/{id}/event/{name}", auth.Read, h.onInstance(h.waitEvent(true)))
	h.api(m, "GET", "/instance/{id}/once/{name}", auth.Read, h.onInstance(h.waitEvent(false)))
	h.api(m, "GET", "/instance/{id}/events/{name}", auth.Read, h.onInstance(h.followEvents))
}

func (h *Hub) postEvent(in *Instance, w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Name    json.RawMessage `json:"eventName"`
		Message json.RawMessage `json:"message"`
	}
	if err := readControl(r, 5001, &body); err != nil {
		return err
	}
	event := eventMessage{Message: body.Message, Source: "api"}
	if json.Unmarshal(body.Name, &event.Name) != nil || event.Name == "" {
		return waverider.Errorf(waverider.Invalid, "Invalid format, eventName missing.")
	}
	if err := in.send(r.Context(), "event", event); err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, map[string]string{"accepted": "OK"})
}

// waitEvent answers the last event of a name, or with last false the next
// one. ?timeout=10s bounds the wait.
func (h *Hub) waitEvent(last bool) instanceHandler {
	return func(in *Instance, w http.ResponseWriter, r *http.Request) error {
		if err := wire.WantsJSON(r); err != nil {
			return err
		}
		ctx, cancel := wire.Long(w, r)
		defer cancel()
		if text := r.URL.Query().Get("timeout"); text != "" {
			d, err := time.ParseDuration(text)
			if err != nil || d <= 0 {
				return waverider.Errorf(waverider.Invalid, "timeout: want a duration such as 10s, not %q", text)
			}
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, d)
			defer stop()
		}
		name := r.PathValue("name")
		msg, err := in.events.next(ctx, name, last)
		if errors.Is(err, context.DeadlineExceeded) {
			return waverider.Errorf(waverider.Timeout, "no event %q came in time", name)
		} else if err != nil {
			return err
		}
		return wire.WriteJSON(w, http.StatusOK, orEmpty(msg))
	}
}

// followEvents streams the events of a name, one JSON value a line.
func (h *Hub) followEvents(in *Instance, w http.ResponseWriter, r *http.Request) error {
	return in.events.follow(w, r, r.PathValue("name"))
}

// follow streams the messages of a name that come, one JSON value a line,
// until the log is closed.
func (e *eventLog) follow(w http.ResponseWriter, r *http.Request, name string) error {
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	sub := e.listen(name)
	defer e.leave(sub)
	out, err := wire.StreamOut(w, r, "application/octet-stream")
	if err != nil {
		return err
	}
	for {
		select {
		case msg, ok := <-sub.ch:
			sub.took(msg)
			if !ok {
				return nil
			}
			if _, err := out.Write(append(orEmpty(msg), '\n')); err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// orEmpty gives an event without a message the form Scramjet's clients read.
func orEmpty(msg json.RawMessage) json.RawMessage {
	if len(msg) == 0 || string(msg) == "null" {
		return json.RawMessage("{}")
	}
	return msg[:len(msg):len(msg)]
}
