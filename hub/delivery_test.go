package hub_test

import (
	"slices"
	"testing"

	"waverider"
	"waverider/hub"
)

func restarting(c *hub.Config) { c.Restart = waverider.RestartOnFailure }

func TestKilledInstanceGoesOnWhereItWas(t *testing.T) {
	s := newTopicSite(t, restarting)
	id := s.run("copy.js", pull(identity), `{"inputTopic":"in","outputTopic":"out"}`)
	for i := range 3 {
		s.send("in", numbered(i*100, i*100+100)...)
		if i < 2 {
			s.await("out", i*100+50)
			s.on.sole(t).kill()
		}
	}
	if got := s.await("out", 300); !slices.Equal(got, numbered(0, 300)) {
		t.Errorf("got %d records: %q", len(got), got)
	}
	s.acked("in", id, 300)
}
