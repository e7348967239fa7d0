package topicapi_test

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"waverider/topicapi"
	"waverider/wire"
)

func TestAPITellsWhatItDoes(t *testing.T) {
	var stored, sent, bytesIn, bytesOut atomic.Int64
	var routes, objects []string
	s := newSite(t, func(a *topicapi.API) {
		a.Origin = topicapi.Origin{ID: "north", Type: "space"}
		a.Stored = func(n uint64, bytes int) { stored.Add(int64(n)); bytesIn.Add(int64(bytes)) }
		a.Sent = func(n uint64, bytes int) { sent.Add(int64(n)); bytesOut.Add(int64(bytes)) }
		a.Object = func(_ *http.Request, id string) { objects = append(objects, id) }
		a.Wrap = func(method, path string, next wire.Handler) wire.Handler {
			routes = append(routes, method+" "+path)
			return next
		}
	})
	a := s.want(http.StatusOK, "POST", "/topics", `{"id":"p","content-type":"application/x-ndjson"}`, "Content-Type", asJSON)
	if !strings.Contains(a.body, `"origin":{"id":"north","type":"space"}`) || !slices.Equal(objects, []string{"p"}) {
		t.Errorf("made with %s, objects %q", a.body, objects)
	}
	s.put("p", "1", "22")
	s.read("p", "from=start&limit=1")
	if got := []int64{stored.Load(), bytesIn.Load(), sent.Load(), bytesOut.Load()}; !slices.Equal(got, []int64{2, 5, 1, 2}) {
		t.Errorf("counted %v", got)
	}
	if !slices.Contains(routes, "PATCH /topics/{name}") || len(routes) != len(s.mux.Routes()) {
		t.Errorf("wrapped %q", routes)
	}
}

// A Space answers for its own Topics at more than one place.
func TestAPIIsBelowAnyBase(t *testing.T) {
	mux := wire.NewMux(slog.New(slog.DiscardHandler))
	api := &topicapi.API{}
	api.Routes(mux, wire.Base)
	api.Routes(mux, wire.Base+"/space/{space}/api/v1")
	n := 0
	for _, r := range mux.Routes() {
		if strings.HasPrefix(r.Pattern, "/api/v1/space/{space}/api/v1/topic") {
			n++
		}
	}
	if n == 0 || 2*n != len(mux.Routes()) {
		t.Errorf("%d of %d routes are below the other base", n, len(mux.Routes()))
	}
}
