package transcripts

import (
	"syscall"
	"testing"

	"waverider/internal/testbin"
	"waverider/internal/testhub"
	"waverider/internal/testspace"
)

// What a Hub answers that has joined a Space, and then while that is away.
var (
	linkedExchanges = []exchange{
		create("linked topic", `{"id":"shared","content-type":"application/x-ndjson"}`, made("shared", "application/x-ndjson")),
		send("linked send", "shared", ndjson, fourLines, sent),
		{name: "linked list", request: "GET /cpm/api/v1/list", saw: answer{status: 200, kind: asJSON, any: true}},
		{name: "linked send to the Space", request: "POST /cpm/api/v1/topic/far", headers: ndjson, body: fourLines, saw: sent},
		{name: "linked change of an owner", request: "PATCH /topics/shared", headers: jsonType, body: `{"owner":"others"}`, saw: *refused(403)},
	}
	apartExchanges = []exchange{
		{name: "apart list", request: "GET /cpm/api/v1/list", saw: *refused(503)},
		{name: "apart change", request: "PATCH /topics/shared", headers: jsonType, body: `{"description":"new","maxBytes":1048576}`,
			saw: answer{status: 202, kind: asJSON, shape: `{"topic":"shared","maxBytes":1048576,"requests":[{"state":"refused"},{"state":"waiting"}]}`}},
		{name: "apart info", request: "GET /topics/shared", saw: answer{status: 200, kind: asJSON, any: true}},
		{name: "apart status", request: "GET /status", saw: answer{status: 200, kind: asJSON, shape: `{"space":{"state":"connecting"}}`}},
		{name: "apart audit", request: "GET /audit?follow=false", saw: answer{status: 200, kind: asBytes, any: true}},
		send("apart send", "shared", ndjson, fourLines, sent),
		{name: "apart delete", request: "DELETE /topics/shared", saw: *refused(409)},
		{name: "apart delete with force", request: "DELETE /topics/shared?force=true", saw: answer{status: 200, kind: asJSON, shape: `{"message":"<text>"}`}},
	}
)

// linked holds a Hub that has a Space to the same description.
func (r *replay) linked(t *testing.T) {
	space, err := testspace.Open(t.Context(), testhub.Options{Binary: testbin.Path(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	hub, err := space.Join(t.Context(), "https://"+space.Addr(), "linked", testhub.Options{Binary: testbin.Path(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = hub.Close() })
	far := *r
	far.base = "http://" + hub.Addr() + "/api/v1"
	put := func(list []exchange) {
		for _, e := range list {
			t.Run(e.name, func(t *testing.T) { far.put(t, e) })
		}
	}
	put(linkedExchanges)
	if err := space.Hub("linked").JSON(t.Context(), "PATCH", "/topics/shared", map[string]any{"maxAge": "7d"}, nil); err != nil {
		t.Error(err)
	}
	if err := space.End(t.Context(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := hub.AwaitLink(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	put(apartExchanges)
}
