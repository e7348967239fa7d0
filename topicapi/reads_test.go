package topicapi_test

import (
	"net/http"
	"testing"

	"waverider"
	"waverider/topicapi"
)

func TestWhoReadsIsTold(t *testing.T) {
	told := make(chan waverider.TopicName, 10)
	s := newSite(t, func(a *topicapi.API) { a.Reads = func(name waverider.TopicName) { told <- name } })
	want := func(name waverider.TopicName) {
		t.Helper()
		select {
		case got := <-told:
			if got != name {
				t.Errorf("%s is read, want %s", got, name)
			}
		default:
			t.Errorf("nobody was told of a reader of %s", name)
		}
	}
	s.topic("p", "")
	s.put("p", "1")
	s.get("/topics/p")
	s.want(http.StatusOK, "HEAD", "/topic/p", "")
	s.want(http.StatusNotFound, "HEAD", "/topic/none", "")
	s.want(http.StatusBadRequest, "GET", "/topic/p?from=nowhere", "")
	if len(told) > 0 {
		t.Errorf("%s is read by nobody", <-told)
	}
	s.read("p", "from=start&follow=false")
	want("p")
	s.read("p", "group=g&limit=1")
	want("p")
	s.read("made", "follow=false")
	want("made")
	s.stream("GET", "/topic/p", nil) // before a record comes
	want("p")
}
