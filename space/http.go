package space

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"waverider"
	"waverider/auth"
	"waverider/host"
	"waverider/link"
	"waverider/space/openapi"
	"waverider/topicapi"
	"waverider/wire"
)

// Bases under which the API of a Space lives. Scramjet's clients know it by the
// path of their platform and by that of their manager; there is one Space here, so
// the short one is enough for people.
var bases = []string{wire.Base, wire.Base + "/space/{space}/api/v1", wire.Base + "/cpm/{space}/api/v1"}

// Routes registers the Space's REST API on m. Every route says who may use it.
func (s *Space) Routes(m *wire.Mux) {
	m.Unknown = ofHubs
	m.Handle("GET "+link.Path, auth.Public, s.takeLink)
	m.Handle("GET "+wire.Base+"/spaces", auth.Member, wire.JSON(s.getSpaces))
	m.Handle("GET /healthz", auth.Public, s.getHealthz)
	m.Handle("GET /metrics", auth.Read, s.getMetrics)
	s.api(m, "GET", "/version", auth.Public, wire.JSON(s.getVersion))
	s.api(m, "GET", "/openapi.json", auth.Public, wire.JSON(getDescription))
	s.api(m, "GET", "/config", auth.Read, wire.JSON(s.getConfig))
	s.api(m, "GET", "/load", auth.Member, wire.JSON(s.getLoad))
	s.api(m, "GET", "/load-check", auth.Member, wire.JSON(s.getLoad))
	s.api(m, "GET", "/log", auth.Read, s.cfg.Lines.Follow)
	s.api(m, "GET", "/audit", auth.Admin, s.getAudit)
	s.hubRoutes(m)
	s.tokenRoutes(m)
	topics := &topicapi.API{Topics: s.cfg.Topics, Log: s.log, Object: topicObject, Deletes: s.deletes, Linked: func() bool { return true }, Origin: topicapi.Origin{ID: s.id, Type: "space"},
		Wrap: func(method, path string, next wire.Handler) wire.Handler {
			return s.here(s.auditedTopic(method, path, next))
		}}
	for _, base := range bases {
		topics.Routes(m, base)
	}
}

var hubPath = regexp.MustCompile(`(?i)/api/v1/(sequence|instance|status)(/|$)`)

// ofHubs tells who asks a Space for what only Hubs have where that is.
func ofHubs(r *http.Request) error {
	if !hubPath.MatchString(r.URL.Path) {
		return nil
	}
	return waverider.Errorf(waverider.Invalid, "this is a Space, and Sequences and Instances are on its Hubs: name one (waverider --hub HUB; of the API, sth/HUB before api/v1)")
}

// hubMux is what Hubs may ask the Space over the Link.
func (s *Space) hubMux() *wire.Mux {
	m := wire.NewMux(s.log)
	s.api(m, "GET", "/version", auth.Public, wire.JSON(s.getVersion))
	s.api(m, "GET", "/load", auth.Member, wire.JSON(s.getLoad))
	s.api(m, "GET", "/list", auth.Member, wire.JSON(s.getNames))
	topics := &topicapi.API{Topics: s.cfg.Topics, Log: s.log, Linked: func() bool { return true }, Origin: topicapi.Origin{ID: s.id, Type: "space"},
		Rule: ruleForHubs, May: s.mayHub, Wrap: func(_, _ string, next wire.Handler) wire.Handler { return s.here(s.whileMay(next)) }}
	for _, base := range bases {
		topics.Routes(m, base)
	}
	return m
}

// ruleForHubs lets Hubs see, read and write Topics.
func ruleForHubs(method, path string, _ auth.Rule) auth.Rule {
	switch method + " " + path {
	case "GET /topics", "GET /topics/{name}", "GET /topic/{name}", "POST /topic/{name}":
		return auth.Member
	}
	return 0
}

// mayHub says whether the Hub that asks may see a Topic.
func (s *Space) mayHub(r *http.Request, name waverider.TopicName) error {
	m := s.member(wire.IdentityOf(r).Subject)
	if m == nil {
		return waverider.Errorf(waverider.Forbidden, "this Hub does not belong to the Space any more")
	}
	return m.may(name)
}

// api registers a route of the REST API under each of its bases.
func (s *Space) api(m *wire.Mux, method, path string, rule auth.Rule, h wire.Handler) {
	for _, base := range bases {
		m.Handle(method+" "+base+path, rule, s.here(h))
	}
}

// here answers only to the name of this Space, where a path has one.
func (s *Space) here(h wire.Handler) wire.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ref := r.PathValue("space")
		if ref != "" && ref != s.id && ref != s.cfg.Name && !(len(ref) >= 4 && strings.HasPrefix(s.id, ref)) {
			return waverider.Errorf(waverider.NotFound, "there is no Space %.64q here: this is %s", ref, s.name())
		}
		return h(w, r)
	}
}

func (s *Space) takeLink(w http.ResponseWriter, r *http.Request) error {
	return s.acceptor.ServeHTTP(w, r)
}

type spaceView struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

func (s *Space) getSpaces(*http.Request) ([]spaceView, error) {
	return []spaceView{{ID: s.id, Name: s.cfg.Name}}, nil
}

type versionView struct {
	Service    string `json:"service"`
	APIVersion string `json:"apiVersion"`
	Version    string `json:"version"`
	Build      string `json:"build"`
}

// apiLevel is the Scramjet API that is answered here.
const apiLevel = "1.0.1"

func (s *Space) getVersion(*http.Request) (versionView, error) {
	return versionView{Service: "@scramjet/manager", APIVersion: "v1", Version: apiLevel, Build: s.cfg.Build}, nil
}

// getDescription is the OpenAPI document of this API.
func getDescription(*http.Request) (json.RawMessage, error) { return openapi.Document() }

func (s *Space) getConfig(*http.Request) (any, error) {
	return map[string]any{"config": s.cfg.Effective}, nil
}

func (s *Space) getLoad(*http.Request) (host.Load, error) { return host.Look(s.cfg.DataDir) }

func (s *Space) getHealthz(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, err := w.Write([]byte("ok\n"))
	return err
}

func (s *Space) getMetrics(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	here := 0
	list := s.list()
	for _, m := range list {
		if m.current() != nil {
			here++
		}
	}
	fmt.Fprintf(w, "waverider_space_hubs %d\nwaverider_space_hubs_connected %d\nwaverider_space_uptime_seconds %d\n", len(list), here, int(time.Since(s.started).Seconds()))
	by := s.received()
	for _, m := range list {
		m.writeMetrics(w, by)
	}
	return nil
}
