package space_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"waverider"
	"waverider/link"
)

func TestWhatAHubAsksForDoesNotFillTheAudit(t *testing.T) {
	s := newSite(t)
	s.put("t", "{}\n")
	d, h := s.join(`{"name":"marker"}`, nil)
	text := strings.Repeat("x", 5000)
	for range 200 {
		if err := h.Send(link.MessageAsk, link.Ask{ID: rand.Text(), Topic: "t", ContentType: "text/plain", Description: &text}); err != nil {
			t.Fatal(err)
		}
	}
	s.heard(h, d)
	a := s.audit()
	if n := strings.Count(a, `"topic refuse"`); n < 30 || n > 32 || !strings.Contains(a, "marker") {
		t.Errorf("%d in the audit", n)
	}
}

func TestClonesAndSessionsDoNotFillTheAudit(t *testing.T) {
	s := newSite(t)
	s.want(http.StatusCreated, "POST", "/api/v1/tokens", s.admin, `{"name":"marker"}`, nil)
	d, h := s.join("", nil)
	old := *d
	h.Close(nil)
	for range 40 {
		l, err := s.dial(d, "")
		if err != nil {
			t.Fatal(err)
		}
		h = s.run(l, d, nil)
		if err := h.confirm(d); err != nil {
			t.Fatal(err)
		}
		s.heard(h, d)
		h.Close(nil)
		<-h.done
		if _, err := s.dial(&old, ""); refusedAs(err) != waverider.Conflict {
			t.Fatal(err)
		}
	}
	a := s.audit()
	for _, action := range []string{"connect", "disconnect", "clone"} {
		if n := strings.Count(a, fmt.Sprintf(`"action":%q`, action)); n < 30 || n > 33 {
			t.Errorf("%s: %d in the audit", action, n)
		}
	}
}
