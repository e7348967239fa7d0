package hub

import (
	"context"
	"net/http"
	"strconv"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

func (h *Hub) streamRoutes(m *wire.Mux) {
	for _, name := range textNames {
		h.api(m, "GET", "/instance/{id}/"+name, auth.Read, h.onInstance(h.getText(name)))
	}
	h.api(m, "GET", "/instance/{id}/output", auth.Read, h.onInstance(h.getOutput))
	h.api(m, "POST", "/instance/{id}/input", auth.Run, h.onInstance(h.postInput))
	h.api(m, "POST", "/instance/{id}/inout", auth.Run, h.onInstance(h.postInOut))
	h.api(m, "POST", "/instance/{id}/stdin", auth.Run, h.onInstance(h.postStdin))
}

// getOutput streams the program's output from where the readers before have
// come to; ?offset=N skips to a byte.
func (h *Hub) getOutput(in *Instance, w http.ResponseWriter, r *http.Request) error {
	from, err := queryOffset(r)
	if err != nil {
		return err
	}
	ctx, cancel := wire.Long(w, r)
	defer cancel()
	return in.streamOutput(ctx, w, r, from)
}

func (in *Instance) streamOutput(ctx context.Context, w http.ResponseWriter, r *http.Request, from *uint64) error {
	if rec := in.record(); outputTopic(rec) != "" {
		return outputElsewhere(rec)
	}
	var out *wire.Stream
	started := func(offset uint64) (err error) {
		w.Header().Set(wire.OffsetHeader, strconv.FormatUint(offset, 10))
		out, err = wire.StreamOut(w, r, "application/octet-stream")
		return err
	}
	return in.out.read(ctx, from, started, func(p []byte) error {
		if _, err := out.Write(p); err != nil {
			return err
		}
		in.hub.metrics.outBytes.Add(len(p))
		return out.Flush()
	})
}

// queryOffset is ?offset=N, nil when there is none.
func queryOffset(r *http.Request) (*uint64, error) {
	text := r.URL.Query().Get("offset")
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return nil, waverider.Errorf(waverider.Invalid, "offset: want a number of bytes, not %q", text)
	}
	return &n, nil
}
