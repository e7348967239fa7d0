package hub_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"waverider/host"
	"waverider/hub"
	"waverider/lastlines"
)

func TestHubTellsOfItself(t *testing.T) {
	ring := lastlines.New(0)
	s := newSite(t, func(c *hub.Config) {
		c.Name, c.Lines, c.Log = "attic", ring, slog.New(ring.Handler(slog.DiscardHandler, "Hub"))
		c.Effective = map[string]any{"listen": ":0"}
	})
	if got := s.get("/version").body; got != `{"service":"@scramjet/host","apiVersion":"v1","version":"1.0.1","build":"test"}`+"\n" {
		t.Errorf("version: %s", got)
	}
	id := s.run("a.js", idle, "")
	if got := s.get("/status").body; got != `{"cpm":{},"hub":"hub-1","name":"attic","instances":1,"engines":{"node":"20.0.0"}}`+"\n" {
		t.Errorf("status: %s", got)
	}
	if got := s.get("/config").body; got != `{"listen":":0"}`+"\n" {
		t.Errorf("config: %s", got)
	}
	var entities struct{ Sequences, Instances []struct{ ID string } }
	s.get("/entities").into(t, &entities)
	if len(entities.Sequences) != 1 || len(entities.Instances) != 1 || entities.Instances[0].ID != id {
		t.Errorf("entities: %+v", entities)
	}
	var load host.Load
	s.get("/load-check").into(t, &load)
	if load.MemFree == 0 || load.MemUsed == 0 || len(load.FSSize) == 0 || load.FSSize[0].Size == 0 {
		t.Errorf("load: %+v", load)
	}
}

func TestJSONIsAnsweredToWhoTakesIt(t *testing.T) {
	s := newSite(t)
	id := s.run("a.js", idle, "")
	for accept, status := range map[string]int{
		"": 200, "*/*": 200, "application/json": 200, "text/html, application/json;q=0.9": 200, "text/*": 200, "text/json": 200,
		"text/html": http.StatusUnsupportedMediaType, "image/*": http.StatusUnsupportedMediaType,
	} {
		for _, path := range []string{"/sequences", "/instance/" + id, "/instance/" + id + "/health"} {
			s.want(status, "GET", path, "", "Accept", accept)
		}
	}
}

func TestHubLog(t *testing.T) {
	ring := lastlines.New(0)
	s := newSite(t, func(c *hub.Config) { c.Lines, c.Log = ring, slog.New(ring.Handler(slog.DiscardHandler, "Hub")) })
	id := s.upload("demo", "1.0.0", "a.js")
	if got := s.get("/log?follow=false").body; got != "" {
		t.Errorf("a handler that is not enabled logged %q", got)
	}
	slog.New(ring.Handler(slog.NewTextHandler(new(strings.Builder), nil), "Hub")).Info("said", "sequence", id)
	r := s.reader("/log")
	var entry struct {
		Level, Msg, From, Sequence string
		TS                         int64
	}
	if err := json.NewDecoder(r.resp.Body).Decode(&entry); err != nil {
		t.Fatal(err)
	}
	if entry.Level != "INFO" || entry.Msg != "said" || entry.From != "Hub" || entry.Sequence != id || entry.TS == 0 {
		t.Errorf("entry %+v", entry)
	}
	s.stop()
	r.end()
}

func TestMetricsAndHealth(t *testing.T) {
	s := newSite(t)
	s.run("echo.js", echo, "")
	root := strings.TrimSuffix(s.url, "/api/v1")
	for path, want := range map[string]string{"/healthz": "ok\n", "/metrics": `waverider_instances{status="running"} 1` + "\n"} {
		old := s.url
		s.url = root
		a := s.get(path)
		s.url = old
		if !strings.Contains(a.body, want) {
			t.Errorf("%s: %q is not in\n%s", path, want, a.body)
		}
	}
}

func TestNothingIsTakenInWithoutRoom(t *testing.T) {
	s := newSite(t)
	s.on.on("a.js", idle)
	seq := s.upload("", "", "a.js")
	s.cfg.MinFreeMem = 1 << 60
	s.reopen()
	a := s.want(419, "POST", "/sequence/"+seq+"/start", "")
	if a.field(t, "kind") != "overloaded" || !strings.HasPrefix(a.field(t, "error"), "Insufficient Space on Resource") {
		t.Errorf("without memory: %s", a.body)
	}
	s.cfg.MinFreeMem, s.cfg.MinFreeDisk = 0, 1<<60
	s.reopen()
	for path, body := range map[string]string{"/sequence/" + seq + "/start": "{}", "/sequence": s.program("x", "1.0.0", "a.js")} {
		if a := s.call("POST", path, body); a.status != http.StatusInsufficientStorage || a.field(t, "kind") != "full" {
			t.Errorf("%s without disk: %d %s", path, a.status, a.body)
		}
	}
}

func TestHubWithoutTopicsSaysSo(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/topics", "/topics/x", "/topic/x"} {
		s.want(http.StatusNotFound, "GET", path, "")
	}
	s.want(http.StatusNotFound, "POST", "/topic/x", "x", "Content-Type", "text/plain")
}
