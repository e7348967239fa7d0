package hub

import (
	"net/http"
	"strings"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

// spacePath is where a Hub hands calls on to its Space.
const spacePath = "/cpm/api/v1/"

func (h *Hub) spaceRoutes(m *wire.Mux) {
	h.api(m, "GET", spacePath+"{rest...}", auth.Read, h.callSpace)
	h.api(m, "POST", spacePath+"{rest...}", auth.Run, h.callSpace)
}

// callSpace hands a call on to the Space, in the name of this Hub.
func (h *Hub) callSpace(w http.ResponseWriter, r *http.Request) error {
	if !h.linked() || h.cfg.CallSpace == nil {
		return waverider.Errorf(waverider.NotFound, "this Hub is not connected to a Space; join one with waverider hub --space URL --join TOKEN")
	}
	path := r.URL.EscapedPath()
	at := strings.Index(strings.ToLower(path), spacePath)
	return h.cfg.CallSpace(w, r, path[at+len(spacePath):])
}
