package hub

import (
	"net/http"

	"waverider"
	"waverider/auth"
	"waverider/wire"
)

// Scramjet's codes of what a program says of its health, and of how often it
// is to say so.
const (
	monitoringCode     = 3001
	monitoringRateCode = 4003
)

// The rates a program can be asked at, in times a second: timers of runners
// take no longer times, and make of shorter ones, or of those, a busy loop.
const (
	leastMonitoringRate = 1e-6
	mostMonitoringRate  = 1000
)

// monitoringName is the only name in the reports of an Instance.
const monitoringName = "health"

func (h *Hub) monitoringRoutes(m *wire.Mux) {
	h.api(m, "GET", "/instance/{id}/monitoring", auth.Read, h.onInstance(h.getMonitoring))
	h.api(m, "POST", "/instance/{id}/_monitoring_rate", auth.Run, h.onInstance(h.postMonitoringRate))
}

// getMonitoring streams what the program says of its health from now on.
func (h *Hub) getMonitoring(in *Instance, w http.ResponseWriter, r *http.Request) error {
	return in.reports.follow(w, r, monitoringName)
}

func (h *Hub) postMonitoringRate(in *Instance, w http.ResponseWriter, r *http.Request) error {
	var rate struct {
		Rate *float64 `json:"monitoringRate"`
	}
	if err := readControl(r, monitoringRateCode, &rate); err != nil {
		return err
	}
	if rate.Rate == nil || *rate.Rate < 0 {
		return waverider.Errorf(waverider.Invalid, "monitoringRate: want a number of messages per second, 0 or more")
	}
	if *rate.Rate > 0 {
		*rate.Rate = min(max(*rate.Rate, leastMonitoringRate), mostMonitoringRate)
	}
	err := in.send(r.Context(), "monitoring", struct {
		Rate float64 `json:"rate"`
	}{*rate.Rate})
	if err != nil {
		return err
	}
	return wire.WriteJSON(w, http.StatusAccepted, struct {
		Accepted bool `json:"accepted"`
	}{true})
}
