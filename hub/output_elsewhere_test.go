package hub_test

import "testing"

func TestOutputThatGoesToATopicIsReadThere(t *testing.T) {
	s := newJoinedSite(t)
	s.on.on("a.js", pull(identity))
	id := s.start(s.upload("", "", "a.js"), `{"inputTopic": "in", "outputTopic": "out"}`)
	s.send("in", "1")
	s.await("out", 1)
	s.want(405, "GET", "/instance/"+id+"/output", "")
}
