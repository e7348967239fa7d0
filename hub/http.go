package hub

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

// Routes registers the Hub's REST API on m. Every route says who may use it.
func (h *Hub) Routes(m *wire.Mux) {
	h.hubRoutes(m)
	h.sequenceRoutes(m)
	h.instanceRoutes(m)
	h.streamRoutes(m)
	h.eventRoutes(m)
	h.monitoringRoutes(m)
	h.topicRoutes(m)
}

// api registers a route of the REST API and keeps its audit.
func (h *Hub) api(m *wire.Mux, method, path string, rule auth.Rule, handler wire.Handler) {
	m.Handle(method+" "+wire.Base+path, rule, h.audited(method, path, handler))
}

// wantJSON answers 415 to clients that say they take no JSON.
func wantJSON(r *http.Request) error {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" {
		return nil
	}
	for _, item := range strings.Split(accept, ",") {
		kind, _, _ := strings.Cut(strings.TrimSpace(item), ";")
		switch strings.TrimSpace(kind) {
		case "*/*", "application/*", "text/*", "application/json", "text/json":
			return nil
		}
	}
	return waverider.Errorf(waverider.Unsupported, "Invalid content-type: this answers application/json, Accept names %q", accept)
}

// getJSON is a route that answers one value.
func getJSON[T any](get func(r *http.Request) (T, error)) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := wantJSON(r); err != nil {
			return err
		}
		v, err := get(r)
		if err != nil {
			return err
		}
		return wire.WriteJSON(w, http.StatusOK, v)
	}
}

// readObject reads a JSON body that is an object. An empty array counts as an
// empty object: clients of Scramjet send one, whose Hub looks only for fields.
func readObject(r *http.Request, v any) error {
	var raw json.RawMessage
	if err := wire.ReadJSON(r, &raw); err != nil {
		return err
	}
	return unmarshalObject(raw, v)
}

// readOptions reads the options of a stop or a kill: an object, or the older
// form [code, {…}] that clients up to 0.26 send.
func readOptions(r *http.Request, v any) error {
	var raw json.RawMessage
	if err := wire.ReadJSON(r, &raw); err != nil {
		return err
	}
	var pair []json.RawMessage
	if json.Unmarshal(raw, &pair) == nil && len(pair) == 2 {
		raw = pair[1]
	}
	return unmarshalObject(raw, v)
}

func unmarshalObject(raw json.RawMessage, v any) error {
	raw = bytes.TrimLeft(raw, " \t\r\n")
	var list []json.RawMessage
	switch {
	case len(raw) == 0, string(raw) == "null":
		return nil
	case raw[0] == '[' && json.Unmarshal(raw, &list) == nil && len(list) == 0:
		return nil
	case raw[0] != '{':
		return waverider.Errorf(waverider.Invalid, "the JSON body is not right: want an object")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return &waverider.Error{Kind: waverider.Invalid, Message: "the JSON body is not right: " + fieldOf(err), Err: err}
	}
	return nil
}

// fieldOf names the field as who sent it did: embedded structs are no part of it.
func fieldOf(err error) string {
	t, ok := err.(*json.UnmarshalTypeError)
	switch {
	case !ok:
		return err.Error()
	case t.Field == "":
		return "a JSON " + t.Value + " does not fit"
	}
	name := t.Field[strings.LastIndexByte(t.Field, '.')+1:]
	return "field \"" + name + "\" is a JSON " + t.Value + ", which does not fit"
}
