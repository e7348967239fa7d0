package topicapi_test

import (
	"net/http"
	"strings"
	"testing"

	"waverider"
	"waverider/topic"
)

// What was parked can be looked at, read and deleted; nobody makes a Topic of
// such a name.
func TestParkedTopicsCanBeReadAndDeleted(t *testing.T) {
	s := newSite(t)
	top, _, err := s.store.Park(t.Context(), waverider.TopicConfig{Name: "t", ContentType: waverider.TypeNDJSON}, "hub-1", "edge")
	if err != nil {
		t.Fatal(err)
	}
	w, err := top.Writer(t.Context(), "hub-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(t.Context(), []byte("1\n"), []uint32{2}, topic.State{End: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got := s.read("t@edge", "from=start&follow=false"); got != "1\n" {
		t.Errorf("read %q", got)
	}
	if v := s.topicInfo("t@edge"); v.Records != 1 {
		t.Errorf("info %+v", v)
	}
	if a := s.call("POST", "/topic/other@edge", "2\n", "Content-Type", asNDJSON); a.status != http.StatusBadRequest && a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Topic") {
		t.Errorf("a record to a Topic of such a name: %d %s", a.status, a.body)
	}
	s.want(http.StatusOK, "DELETE", "/topics/t@edge", "")
}
