package hub_test

import (
	"os"
	"path/filepath"
	"testing"

	"waverider"
)

// Records that a program was given may be gone when the Hub comes back: its
// input cannot go on where it was.
func TestRunWhoseRecordsAreGoneBeginsAnew(t *testing.T) {
	given := func(s *joinedSite, upTo string) (id string, there chan struct{}) {
		there = make(chan struct{})
		return s.run("a.js", pull(func(p *puller, line string) {
			p.emit(line)
			if line == upTo {
				close(there)
				<-p.killed // not finished
			}
		}), `{"inputTopic":"in","outputTopic":"out"}`), there
	}
	t.Run("the end of the Topic", func(t *testing.T) {
		s := newJoinedSite(t)
		id, there := given(s, "149")
		s.send("in", numbered(0, 100)...)
		s.acked("in", id, 100)
		s.holds("out", numbered(0, 100))
		saved := filepath.Join(t.TempDir(), "streams")
		streams := filepath.Join(s.at, "streams")
		s.reopen(func() { copyFolder(t, streams, saved) })
		s.send("in", numbered(100, 200)...)
		<-there
		s.holds("out", numbered(0, 150))
		s.reopen(func() { // the disk lost what it had confirmed
			if err := os.RemoveAll(streams); err != nil {
				t.Fatal(err)
			}
			copyFolder(t, saved, streams)
		})
		s.send("in", numbered(200, 300)...)
		same(t, s.await("out", 200), append(numbered(0, 100), numbered(200, 300)...)) // it lost as much
		if v := s.info(id); v.Restarts != 1 || v.Status != "running" {
			t.Errorf("%d restarts, %s", v.Restarts, v.Status)
		}
	})
	t.Run("a Topic in memory", func(t *testing.T) {
		s := newJoinedSite(t)
		if _, err := s.topics.Create(t.Context(), waverider.TopicConfig{Name: "in", ContentType: waverider.TypeNDJSON, Durability: waverider.DurabilityMemory}); err != nil {
			t.Fatal(err)
		}
		id, there := given(s, "49")
		s.send("in", numbered(0, 100)...)
		<-there
		s.holds("out", numbered(0, 50))
		s.reopen(nil)
		s.send("in", numbered(100, 200)...)
		s.holds("out", append(numbered(0, 50), numbered(100, 200)...))
		s.acked("in", id, 100)
	})
}

func copyFolder(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
