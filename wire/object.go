package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"waverider"
)

// WantsJSON answers 415 to clients that say they take no JSON.
func WantsJSON(r *http.Request) error {
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

// JSON is a route that answers one value.
func JSON[T any](get func(r *http.Request) (T, error)) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := WantsJSON(r); err != nil {
			return err
		}
		v, err := get(r)
		if err != nil {
			return err
		}
		return WriteJSON(w, http.StatusOK, v)
	}
}

// ReadObject reads a JSON body that is an object. An empty array counts as an
// empty object: clients of Scramjet send one, whose Hub looks only for fields.
func ReadObject(r *http.Request, v any) error {
	var raw json.RawMessage
	if err := ReadJSON(r, &raw); err != nil {
		return err
	}
	return UnmarshalObject(raw, v)
}

// UnmarshalObject is ReadObject for what was read already.
func UnmarshalObject(raw json.RawMessage, v any) error {
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
		return &waverider.Error{Kind: waverider.Invalid, Message: "the JSON body is not right: " + Misfit(err), Err: err}
	}
	return nil
}

// Misfit says what of a JSON value does not fit, and names the field as who sent it did: embedded
// structs are no part of it.
func Misfit(err error) string {
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
