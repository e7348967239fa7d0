package hub

import (
	"encoding/json"
	"net/http"

	"waverider/auth"
	"waverider/host"
	"waverider/hub/openapi"
	"waverider/wire"
)

// apiLevel is the Scramjet API that is answered here.
const apiLevel = "1.0.1"

func (h *Hub) hubRoutes(m *wire.Mux) {
	h.api(m, "GET", "/version", auth.Public, wire.JSON(h.getVersion))
	h.api(m, "GET", "/openapi.json", auth.Public, wire.JSON(getDescription))
	h.api(m, "GET", "/status", auth.Read, wire.JSON(h.getStatus))
	h.api(m, "GET", "/config", auth.Read, wire.JSON(h.getConfig))
	h.api(m, "GET", "/load-check", auth.Read, wire.JSON(func(*http.Request) (host.Load, error) { return h.Load() }))
	h.api(m, "GET", "/entities", auth.Read, wire.JSON(h.getEntities))
	h.api(m, "GET", "/log", auth.Read, h.getLog)
	h.api(m, "GET", "/audit", auth.Admin, h.getAudit)
	m.Handle("GET /metrics", auth.Read, h.getMetrics)
	m.Handle("GET /healthz", auth.Public, h.getHealthz)
}

type versionView struct {
	Service    string `json:"service"`
	APIVersion string `json:"apiVersion"`
	Version    string `json:"version"`
	Build      string `json:"build"`
}

func (h *Hub) getVersion(*http.Request) (versionView, error) {
	return versionView{Service: "@scramjet/host", APIVersion: "v1", Version: apiLevel, Build: h.cfg.Build}, nil
}

// getDescription is the OpenAPI document of this API.
func getDescription(*http.Request) (json.RawMessage, error) { return openapi.Document() }

type statusView struct {
	CPM       struct{}          `json:"cpm"`
	Hub       string            `json:"hub"`
	Name      string            `json:"name,omitempty"`
	Instances int               `json:"instances"` // that have not ended
	Engines   map[string]string `json:"engines"`
	Space     any               `json:"space,omitempty"` // the Link to it
}

func (h *Hub) getStatus(*http.Request) (statusView, error) {
	v := statusView{Hub: h.cfg.ID, Name: h.cfg.Name, Instances: len(h.Running()), Engines: h.cfg.Runtime.Engines()}
	if h.linked() && h.cfg.Link != nil {
		v.Space = h.cfg.Link()
	}
	return v, nil
}

func (h *Hub) getConfig(*http.Request) (any, error) {
	if h.cfg.Effective == nil {
		return struct{}{}, nil
	}
	return h.cfg.Effective, nil
}

type entitiesView struct {
	Sequences []sequenceView `json:"sequences"`
	Instances []instanceView `json:"instances"`
}

func (h *Hub) getEntities(r *http.Request) (v entitiesView, err error) {
	if v.Sequences, err = h.listSequences(r); err != nil {
		return v, err
	}
	v.Instances, err = h.listInstances(r)
	return v, err
}

// getLog replays the newest entries and follows, unless ?follow=false.
func (h *Hub) getLog(w http.ResponseWriter, r *http.Request) error {
	return h.cfg.Lines.Follow(w, r)
}

func (h *Hub) getMetrics(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	h.writeMetrics(w)
	return nil
}

func (h *Hub) getHealthz(w http.ResponseWriter, _ *http.Request) error {
	if err := h.diskRoom(); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}
