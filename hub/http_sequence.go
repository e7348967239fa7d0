package hub

import (
	"errors"
	"maps"
	"mime"
	"net/http"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

func (h *Hub) sequenceRoutes(m *wire.Mux) {
	h.api(m, "GET", "/sequences", auth.Read, wire.JSON(h.listSequences))
	h.api(m, "GET", "/sequence/{id}", auth.Read, wire.JSON(h.getSequence))
	h.api(m, "GET", "/sequence/{id}/instances", auth.Read, wire.JSON(h.getSequenceInstances))
	h.api(m, "POST", "/sequence", auth.Run, h.postSequence)
	h.api(m, "PUT", "/sequence/{id}", auth.Run, h.putSequence)
	h.api(m, "DELETE", "/sequence/{id}", auth.Run, h.deleteSequence)
	h.api(m, "POST", "/sequence/{id}/start", auth.Run, h.postStart)
}

func (h *Hub) listSequences(*http.Request) ([]sequenceView, error) {
	list := []sequenceView{}
	for _, s := range h.Sequences() {
		list = append(list, h.viewSequence(s))
	}
	return list, nil
}

func (h *Hub) getSequence(r *http.Request) (v sequenceView, err error) {
	s, _, err := h.Lookup(r.PathValue("id"))
	if err != nil {
		return v, err
	}
	return h.viewSequence(s), nil
}

func (h *Hub) getSequenceInstances(r *http.Request) ([]waverider.InstanceID, error) {
	s, _, err := h.Lookup(r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	return idsOf(h.instancesOf(s.ID, false)), nil
}

type idView struct {
	ID waverider.SequenceID `json:"id"`
}

func (h *Hub) postSequence(w http.ResponseWriter, r *http.Request) error {
	if err := wantBytes(r); err != nil {
		return err
	}
	seq, err := h.AddSequence(r.Context(), r.Body)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, idView{seq.ID})
}

func (h *Hub) putSequence(w http.ResponseWriter, r *http.Request) error {
	if err := wantBytes(r); err != nil {
		return err
	}
	seq, err := h.ReplaceSequence(r.Context(), r.PathValue("id"), r.Body)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, struct {
		idView
		Revision int `json:"revision"`
	}{idView{seq.ID}, seq.Newest().Number})
}

func (h *Hub) deleteSequence(w http.ResponseWriter, r *http.Request) error {
	force := r.Header.Get("x-seq-kill-inst") != "" || r.URL.Query().Get("force") == "true"
	seq, err := h.DeleteSequence(r.Context(), r.PathValue("id"), force)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, idView{seq.ID})
}

// postStart starts a Sequence. Clients of Scramjet up to 0.26 take no notice of
// the status: they know a start that failed by its "result".
func (h *Hub) postStart(w http.ResponseWriter, r *http.Request) error {
	err := h.start(w, r)
	var e *waverider.Error
	if errors.As(err, &e) {
		marked := *e
		if marked.Detail = maps.Clone(e.Detail); marked.Detail == nil {
			marked.Detail = map[string]any{}
		}
		marked.Detail["result"] = "error"
		return &marked
	}
	return err
}

func (h *Hub) start(w http.ResponseWriter, r *http.Request) error {
	var req waverider.StartRequest
	if err := wire.ReadObject(r, &req); err != nil {
		return err
	}
	in, err := h.Start(r.Context(), r.PathValue("id"), req)
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusOK, struct {
		Message string               `json:"message"`
		ID      waverider.InstanceID `json:"id"`
	}{"Sequence " + string(in.id) + " starting", in.id})
}

// wantBytes answers 415 unless the body is said to be bytes, or nothing is said.
func wantBytes(r *http.Request) error {
	ct := r.Header.Get("Content-Type")
	if ct == "" {
		return nil
	}
	switch media, _, err := mime.ParseMediaType(ct); {
	case err != nil:
	case media == "application/octet-stream", media == "application/gzip", media == "application/x-gzip", media == "application/x-tar":
		return nil
	}
	return waverider.Errorf(waverider.Unsupported, "Invalid content-type %q: send application/octet-stream", ct)
}
