package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider"
	"waverider/client"
)

func TestHubBehindASpaceIsCalledThroughIt(t *testing.T) {
	for _, c := range []struct{ url, hub, want string }{
		{"https://space:8443", "edge-1", "https://space:8443/api/v1/sth/edge-1/api/v1"},
		{"space", "a b", "http://space/api/v1/sth/a%20b/api/v1"},
		{"https://p/api/v1/space/x/api/v1/", "e", "https://p/api/v1/space/x/api/v1/sth/e/api/v1"},
		{"https://space:8443", "", "https://space:8443/api/v1"},
		{"https://space/api/v1/sth/a/api/v1", "b", ""}, // one is named already
		{"https://space", "..", ""},
		{"https://space", "a/b", ""},
		{"https://space", "a?b", ""},
	} {
		cl, err := client.New(client.Config{URL: c.url, Hub: c.hub})
		if (err == nil) != (c.want != "") || err == nil && cl.URL() != c.want {
			t.Errorf("%s, %q: %v, %v", c.url, c.hub, cl, err)
		}
	}
}

const hubText = `{"id":"i1","name":"edge","state":"connected","rttMs":1.5,"labels":{"a":"b"},"more":[1],
	"info":{"created":"2026-01-02T03:04:05Z"},"load":{"currentLoad":0.5},
	"instances":[{"id":"x","status":"running"},{"id":"y","status":"completed"}],"sequences":[{"id":"s"}],"topics":["t"]}`

func TestHubsOfASpace(t *testing.T) {
	asked := ""
	c := fake(t, map[string]http.HandlerFunc{
		"GET /api/v1/hubs": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `[%s,{"id":"i2","name":"bad","load":"heavy","instances":{"a":1},"topics":[1,2],"sequences":7}]`, hubText)
		},
		"PATCH /api/v1/sth/{hub}": func(w http.ResponseWriter, r *http.Request) {
			var change map[string]any
			_ = json.NewDecoder(r.Body).Decode(&change)
			asked = fmt.Sprint(r.PathValue("hub"), change)
			fmt.Fprint(w, hubText)
		},
		"DELETE /api/v1/sth/{hub}": func(w http.ResponseWriter, r *http.Request) {
			asked = r.PathValue("hub") + r.Header.Get("X-Force")
			fmt.Fprint(w, `{"id":"i1"}`)
		},
	})
	list, err := c.Hubs(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	edge, bad := list[0], list[1]
	if edge.Name != "edge" || edge.Running() != 1 || edge.Load.Current != 0.5 || edge.RTT != 1.5 || len(edge.Sequences) != 1 || edge.Topics[0] != "t" ||
		!edge.Times.Joined.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("%+v", edge)
	}
	if text, err := json.Marshal(edge); err != nil || !strings.Contains(string(text), `"more":[1]`) {
		t.Errorf("%s, %v", text, err)
	}
	// What a Hub says of itself without sense hides no other Hub.
	if bad.Name != "bad" || bad.Load != nil || bad.Running() != 0 || bad.Topics != nil || bad.Sequences != nil {
		t.Errorf("%+v", bad)
	}
	value := "1"
	if _, err := c.ChangeHub(t.Context(), "a b", client.HubChange{Labels: map[string]*string{"k": &value, "old": nil}}); err != nil || asked != "a bmap[labels:map[k:1 old:<nil>]]" {
		t.Errorf("%s, %v", asked, err)
	}
	for force, want := range map[bool]string{false: "x", true: "xtrue"} {
		if id, err := c.RemoveHub(t.Context(), "x", force); err != nil || id != "i1" || asked != want {
			t.Errorf("%s %s, %v", id, asked, err)
		}
	}
}

func TestJoinTokens(t *testing.T) {
	asked := ""
	c := fake(t, map[string]http.HandlerFunc{
		"POST /api/v1/tokens": func(w http.ResponseWriter, r *http.Request) {
			var req map[string]any
			_ = json.NewDecoder(r.Body).Decode(&req)
			asked = fmt.Sprint(req)
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"id":"t1","state":"open","token":"wrj1.x"}`)
		},
		"DELETE /api/v1/tokens/{id}": func(_ http.ResponseWriter, r *http.Request) { asked = r.PathValue("id") },
	})
	made, err := c.CreateJoinToken(t.Context(), client.JoinTokenRequest{Name: "edge", Expires: waverider.Age(time.Hour)})
	if err != nil || made.Token != "wrj1.x" || asked != "map[expires:1h0m0s name:edge]" {
		t.Errorf("%+v, %s, %v", made, asked, err)
	}
	if err := c.DeleteJoinToken(t.Context(), "t1"); err != nil || asked != "t1" {
		t.Errorf("%s, %v", asked, err)
	}
}
