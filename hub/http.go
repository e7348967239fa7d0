package hub

import (
	"encoding/json"
	"net/http"

	"waverider/auth"
	"waverider/topicapi"
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
	h.spaceRoutes(m)
	h.topicAPI().Routes(m, wire.Base)
}

// topicAPI is the part of the REST API that is of Topics alone.
func (h *Hub) topicAPI() *topicapi.API {
	return &topicapi.API{
		Topics: h.cfg.Topics, Origin: topicapi.Origin{ID: h.cfg.ID, Type: "hub"}, Log: h.log,
		Linked: h.cfg.Linked, Reads: h.cfg.Reads, Ask: h.cfg.Ask, Asked: h.cfg.Asked, Deletes: h.deletes, Wrap: h.audited, Object: auditObject, Stored: h.metrics.topicIn.add, Sent: h.metrics.topicOut.add,
	}
}

// api registers a route of the REST API and keeps its audit.
func (h *Hub) api(m *wire.Mux, method, path string, rule auth.Rule, handler wire.Handler) {
	m.Handle(method+" "+wire.Base+path, rule, h.audited(method, path, handler))
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
	return wire.UnmarshalObject(raw, v)
}
