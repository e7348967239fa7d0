package demo

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestScriptIsKeysWithPauses(t *testing.T) {
	var s script
	if err := s.Set(" 5s l 1s 500ms l e q "); err != nil {
		t.Fatal(err)
	}
	want := []stroke{{5 * time.Second, 'l'}, {1500 * time.Millisecond, 'l'}, {0, 'e'}, {0, 'q'}}
	if !slices.Equal(s.strokes, want) {
		t.Errorf("%v, want %v", s.strokes, want)
	}
	for _, bad := range []string{"x", "5", "5s lq", "-5s l"} {
		if err := s.Set(bad); err == nil || !strings.Contains(err.Error(), "keys and pauses") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestEveryKeyIsKnownOnce(t *testing.T) {
	seen := map[byte]bool{keyLink: true, keyEnd: true}
	for _, k := range killKeys {
		if seen[k.key] || !known(k.key) || k.of(programs()) == "" {
			t.Errorf("key %c", k.key)
		}
		seen[k.key] = true
	}
}

func TestKeysTellWhatTheyDo(t *testing.T) {
	s := testDisplay()
	p := &play{show: s}
	s.mesh.places[edge].server.(*standIn).pid = 0
	s.takeReport(cloud, report{here: true, link: hubLink{State: linkUp}, flows: map[int]flow{1: {}}})
	for _, key := range []byte("lLleraX") {
		p.press(key)
	}
	want := []string{
		"the Link of edge is cut: edge measures on and stores",
		"the Link of edge is healed",
		"edge has no process now",
		"rolling-stats has no process now",
		"alerts has no process now",
	}
	if got := told(s); !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}

func TestWhatCannotBeKilledIsTold(t *testing.T) {
	s := testDisplay()
	s.mesh.places[space].server.(*standIn).pid = 1 << 30 // nobody's
	(&play{show: s}).press('s')
	if got := told(s); len(got) != 1 || !strings.Contains(got[0], "Space (pid ") || !strings.Contains(got[0], "cannot be killed") {
		t.Errorf("told %q", got)
	}
}
