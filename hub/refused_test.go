package hub_test

import (
	"net/http"
	"strings"
	"testing"

	"waverider"
)

// The program is loaded before its Hub can look at the Topic it wants: the answer
// waits for that.
func TestStartThatItsTopicRefuses(t *testing.T) {
	s := newJoinedSite(t)
	s.want(http.StatusOK, "POST", "/topic/words", "x", "Content-Type", "text/plain")
	s.on.on("a.js", func(p *proc) int {
		_ = p.Send("ready", map[string]any{"requires": "words", "contentType": waverider.TypeNDJSON})
		<-p.killed
		return 0
	})
	seq := s.upload("", "", "a.js")
	for range 20 {
		a := s.want(http.StatusBadRequest, "POST", "/sequence/"+seq+"/start", "{}")
		if text := a.field(t, "error"); !strings.Contains(text, "Topic words is text/plain") {
			t.Fatalf("refused with %q, want what does not fit", text)
		}
	}
}
