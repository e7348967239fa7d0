package topicapi_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"waverider/topicapi"
)

func TestScopeSpaceWantsASpace(t *testing.T) {
	var linked atomic.Bool
	s := newSite(t, func(a *topicapi.API) { a.Linked = linked.Load })
	far := `{"id":"far","content-type":"application/x-ndjson","scope":"space"}`
	ring := `{"id":"ring","content-type":"application/x-ndjson","durability":"memory","scope":"space"}`
	s.topic("near", "")
	refused := func(status int, method, path, body, words string) {
		t.Helper()
		if a := s.want(status, method, path, body, "Content-Type", asJSON); !strings.Contains(a.field(t, "error"), words) {
			t.Errorf("%s %s: %s, want %q", method, path, a.body, words)
		}
	}
	refused(http.StatusConflict, "POST", "/topics", far, "this Hub has not joined a Space; join one with")
	refused(http.StatusConflict, "PATCH", "/topics/near", `{"scope":"space"}`, "this Hub has not joined a Space; join one with")
	refused(http.StatusBadRequest, "POST", "/topics", ring, "memory")
	refused(http.StatusBadRequest, "PATCH", "/topics/near", `{"scope":"moon"}`, "hub or space")
	s.want(http.StatusOK, "PATCH", "/topics/near", `{"scope":"hub"}`, "Content-Type", asJSON)
	if a := s.get("/topics/near"); a.field(t, "scope") != "hub" {
		t.Errorf("scope: %s", a.body)
	}

	linked.Store(true)
	s.want(http.StatusOK, "POST", "/topics", far, "Content-Type", asJSON)
	refused(http.StatusBadRequest, "POST", "/topics", ring, "memory")
	if a := s.want(http.StatusOK, "PATCH", "/topics/near", `{"scope":"space"}`, "Content-Type", asJSON); a.field(t, "scope") != "space" {
		t.Errorf("changed: %s", a.body)
	}
	refused(http.StatusConflict, "PATCH", "/topics/near", `{"scope":"hub"}`, "cannot be of this Hub alone again")
	if list := s.get("/topics").body; strings.Count(list, `"scope":"space"`) != 2 {
		t.Errorf("list: %s", list)
	}

	linked.Store(false) // what is of the Space stays so
	s.want(http.StatusOK, "PATCH", "/topics/near", `{"scope":"space","owner":"us"}`, "Content-Type", asJSON)
}

// Without the hook there is no Space.
func TestScopeSpaceWithoutTheHook(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusConflict, "POST", "/topics", `{"id":"far","content-type":"text/plain","scope":"space"}`, "Content-Type", asJSON)
	s.want(http.StatusNotFound, "GET", "/topics/far", "")
}
