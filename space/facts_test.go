package space_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"waverider/link"
)

// That a Hub has a Topic is known after a restart of the Space too.
func TestATopicOfHubsThatAreAwayIsNotDeleted(t *testing.T) {
	s := newSite(t)
	s.put("wanted", "{}\n")
	s.put("alone", "{}\n")
	d, h := s.join(`{"name":"edge"}`, nil)
	st, line := s.sends(h.Session, binaryTopic)
	if !strings.Contains(line, `"at"`) {
		t.Fatal(line)
	}
	if _, err := st.Write(frameOf(5, 1, "x")); err != nil {
		t.Fatal(err)
	}
	_ = st.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.ReadFull(st, make([]byte, 13)); err != nil { // the ack
		t.Fatal(err)
	}
	s.reads(h.Session, "wanted")
	s.heard(h, d)
	h.Close(nil)
	h.ended(t)
	s.stop()
	s.start()
	for _, name := range []string{"billing", "wanted"} {
		if text := s.want(http.StatusConflict, "DELETE", "/api/v1/topics/"+name, s.admin, "", nil); !strings.Contains(text, "edge") {
			t.Error(text)
		}
	}
	s.want(http.StatusOK, "DELETE", "/api/v1/topics/alone", s.admin, "", nil)
	s.want(http.StatusOK, "DELETE", "/api/v1/topics/wanted?force=true", s.admin, "", nil)
	// It says itself that it has it no more.
	l, err := s.dial(d, "")
	if err != nil {
		t.Fatal(err)
	}
	h = s.run(l, d, nil)
	_ = h.Send(link.MessageEntities, link.Entities{Topics: json.RawMessage(`[]`), Sequences: json.RawMessage(`[]`), Instances: json.RawMessage(`[]`)})
	s.heard(h, d)
	s.want(http.StatusOK, "DELETE", "/api/v1/topics/billing", s.admin, "", nil)
}
